package grpcserver

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/futurisys/futurisys/services/platform/buildinfo"
	"github.com/futurisys/futurisys/services/platform/lifecycle"
	"github.com/futurisys/futurisys/services/platform/telemetry"
)

// Addr is an address to listen at, and the setting that it comes from.
type Addr struct{ Key, Addr string }

// Process is what a process runs besides its gRPC server.
type Process struct {
	GRPC, Admin Addr
	// Ready returns nil when calls can be answered.
	Ready   telemetry.Ready
	Metrics *prometheus.Registry
	// About is logged at the start: names and values.
	About []any
	// Loops run until the process ends.
	Loops []func(context.Context)
}

// Run serves until a signal, and then drains. The server is prepared.
func (s *Server) Run(p Process) error {
	calls, err := lifecycle.Listen(p.GRPC.Key, p.GRPC.Addr)
	if err != nil {
		return err //nolint:wrapcheck // it names the key
	}
	admin, err := lifecycle.Listen(p.Admin.Key, p.Admin.Addr)
	if err != nil {
		return err //nolint:wrapcheck // it names the key
	}
	var group lifecycle.Group
	group.AddSignals(s.Health.Shutdown) // for good: FollowReady cannot take it back
	group.AddGRPC(s.Server, calls)
	group.AddAdmin(telemetry.AdminHandler(p.Ready, p.Metrics), admin)
	group.AddLoop(func(ctx context.Context) { s.FollowReady(ctx, p.Ready) })
	for _, loop := range p.Loops {
		group.AddLoop(loop)
	}
	s.log.With(p.About...).Info("serving", "grpc", p.GRPC.Addr, "admin", p.Admin.Addr, "version", buildinfo.Version())
	return group.Run() //nolint:wrapcheck // it says what it was doing
}
