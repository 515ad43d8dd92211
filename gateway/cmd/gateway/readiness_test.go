package main

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"

	"github.com/futurisys/futurisys/services/platform/grpcclient"
)

// service is a peer that says how it is.
type service struct {
	server *grpc.Server
	health *health.Server
	peer   peer
}

func serve(t *testing.T, name string) *service {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &service{server: grpc.NewServer(), health: health.NewServer()}
	grpc_health_v1.RegisterHealthServer(s.server, s.health)
	go func() { _ = s.server.Serve(listener) }()
	t.Cleanup(s.server.Stop)
	connection, err := grpcclient.New(name, listener.Addr().String(), grpcclient.Identity{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = connection.Close() })
	s.peer = peer{name, connection}
	return s
}

func (s *service) set(ready bool) {
	state := grpc_health_v1.HealthCheckResponse_NOT_SERVING
	if ready {
		state = grpc_health_v1.HealthCheckResponse_SERVING
	}
	s.health.SetServingStatus("", state)
}

// The gateway starts when all services answer, and then takes nothing from callers that one
// of them still gives.
func TestReadiness(t *testing.T) {
	inference, persistence := serve(t, "inference"), serve(t, "persistence")
	ready := &peerReadiness{peers: []peer{inference.peer, persistence.peer}}
	check := func() error {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		return ready.look(ctx)
	}
	persistence.set(false)
	if err := check(); err == nil || !strings.Contains(err.Error(), "persistence is not ready") {
		t.Errorf("at the start, without persistence: got %v", err)
	}
	persistence.set(true)
	if err := check(); err != nil {
		t.Errorf("all are ready: got %v", err)
	}
	persistence.set(false)
	if err := check(); err != nil {
		t.Errorf("inference is still there: got %v", err)
	}
	inference.server.Stop()
	if err := check(); err == nil || !strings.Contains(err.Error(), "inference does not answer") {
		t.Errorf("nobody is there: got %v", err)
	}
}
