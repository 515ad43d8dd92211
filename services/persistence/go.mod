module github.com/futurisys/futurisys/services/persistence

go 1.26.0

replace github.com/futurisys/futurisys/proto => ../../proto

replace github.com/futurisys/futurisys/services/platform => ../platform
