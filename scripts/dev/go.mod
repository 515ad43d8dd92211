module github.com/futurisys/futurisys/scripts/dev

go 1.26.0
