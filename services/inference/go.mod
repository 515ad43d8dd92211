module github.com/futurisys/futurisys/services/inference

go 1.26.0
