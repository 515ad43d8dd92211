module github.com/futurisys/futurisys/gateway

go 1.26.0

replace github.com/futurisys/futurisys/proto => ../proto

replace github.com/futurisys/futurisys/services/platform => ../services/platform
