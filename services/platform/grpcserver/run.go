package grpcserver

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/futurisys/futurisys/services/platform/buildinfo"
	"github.com/futurisys/futurisys/services/platform/lifecycle"
	"github.com/futurisys/futurisys/services/platform/readiness"
	"github.com/futurisys/futurisys/services/platform/telemetry"
)

// Addr is an address to listen at, and the setting that it comes from.
type Addr struct{ Key, Addr string }

// Process is what a process runs besides its gRPC server.
type Process struct {
	GRPC, Admin Addr
	// Ready returns nil when calls can be answered.
	Ready   readiness.Look
	Metrics *prometheus.Registry
	// MaxConnections is how many there may be at each address.
	MaxConnections int
	// ShutdownDelay is how long calls are still taken after a signal.
	ShutdownDelay time.Duration
	// About is logged at the start: names and values.
	About []any
	// Loops run until the process ends.
	Loops []func(context.Context)
}

// Run serves until a signal, and then drains. The server is prepared.
func (s *Server) Run(p Process) error {
	calls, err := lifecycle.Listen(p.GRPC.Key, p.GRPC.Addr, p.MaxConnections, p.Metrics)
	if err != nil {
		return err //nolint:wrapcheck // it names the key
	}
	admin, err := lifecycle.Listen(p.Admin.Key, p.Admin.Addr, p.MaxConnections, p.Metrics)
	if err != nil {
		return err //nolint:wrapcheck // it names the key
	}
	watch := readiness.New(p.Ready, s.log)
	group := lifecycle.New(s.log)
	group.AddSignals(p.ShutdownDelay, func() {
		watch.Stop()
		s.Health.Shutdown() // for good: what watch tells later changes nothing
	})
	group.AddGRPC(s.Server, calls, s.EndStreams)
	group.AddAdmin(telemetry.AdminHandler(watch.Check, p.Metrics), admin)
	group.AddLoop(func(ctx context.Context) { watch.Follow(ctx, s.SetReady) })
	for _, loop := range p.Loops {
		group.AddLoop(loop)
	}
	s.log.With(p.About...).Info("serving", "grpc", p.GRPC.Addr, "admin", p.Admin.Addr, "version", buildinfo.Version())
	return group.Run() //nolint:wrapcheck // it says what it was doing
}
