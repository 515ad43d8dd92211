package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"

	"google.golang.org/grpc"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// echo is the least that a gRPC service with the same messages can do.
type echo struct {
	futurisysv1.UnimplementedPredictionServiceServer
}

// Predict gives the profile back.
func (echo) Predict(_ context.Context, request *futurisysv1.PredictRequest) (*futurisysv1.Prediction, error) {
	return &futurisysv1.Prediction{Model: request.GetModel(), Probability: 0.5, Profile: request.GetProfile()}, nil
}

// serveEcho serves the no-op over HTTP and the echo over gRPC until it is killed.
func serveEcho() error {
	listener, err := net.Listen("tcp", os.Getenv("ECHO_GRPC_ADDR"))
	if err != nil {
		return fmt.Errorf("ECHO_GRPC_ADDR: %w", err)
	}
	server := grpc.NewServer()
	futurisysv1.RegisterPredictionServiceServer(server, echo{})
	go func() { _ = server.Serve(listener) }()
	noop := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte("{}"))
	})
	return http.ListenAndServe(os.Getenv("ECHO_HTTP_ADDR"), noop)
}
