package main

import (
	"fmt"
	"os"

	"google.golang.org/grpc"

	"github.com/futurisys/futurisys/services/platform/buildinfo"
	"github.com/futurisys/futurisys/services/platform/grpcclient"
	"github.com/futurisys/futurisys/services/platform/lifecycle"
	"github.com/futurisys/futurisys/services/platform/telemetry"
)

type serveCommand struct{}

// Run serves until a signal.
func (serveCommand) Run(s *settings) error {
	log := telemetry.NewLogger(os.Stderr, "gateway", s.LogLevel, s.LogFormat)
	metrics := telemetry.NewRegistry()

	inference, err := grpcclient.New("inference", s.InferenceTarget)
	if err != nil {
		return fmt.Errorf("INFERENCE_TARGET: %w", err)
	}
	defer inference.Close()
	peers := []peer{{"inference", inference}}
	var persistence *grpc.ClientConn
	if s.HasDatabase(s.PersistenceTarget) {
		if persistence, err = grpcclient.New("persistence", s.PersistenceTarget); err != nil {
			return fmt.Errorf("PERSISTENCE_TARGET: %w", err)
		}
		defer persistence.Close()
		peers = append(peers, peer{"persistence", persistence})
	}
	ready := newReadiness(peers, log)

	joined := joinedStatus(s.Environment, peers, ready.check)
	handler, err := newHandler(s, log, metrics, connections{inference, persistence}, joined, ready.check)
	if err != nil {
		return err
	}
	httpListener, err := lifecycle.Listen("GATEWAY_HTTP_ADDR", s.GatewayHTTPAddr)
	if err != nil {
		return err //nolint:wrapcheck // it names the key
	}
	adminListener, err := lifecycle.Listen("GATEWAY_ADMIN_ADDR", s.GatewayAdminAddr)
	if err != nil {
		return err //nolint:wrapcheck // it names the key
	}
	var group lifecycle.Group
	group.AddSignals(ready.stop)
	group.AddHTTP(handler, httpListener)
	group.AddAdmin(telemetry.AdminHandler(ready.check, metrics), adminListener)
	log.Info("serving", "http", s.GatewayHTTPAddr, "admin", s.GatewayAdminAddr, "version", buildinfo.Version())
	return group.Run() //nolint:wrapcheck // it says what it was doing
}
