module github.com/futurisys/futurisys/services/persistence

go 1.26.0
