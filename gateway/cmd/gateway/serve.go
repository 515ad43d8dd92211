package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"

	"github.com/futurisys/futurisys/services/platform/audit"
	"github.com/futurisys/futurisys/services/platform/buildinfo"
	"github.com/futurisys/futurisys/services/platform/certs"
	"github.com/futurisys/futurisys/services/platform/config"
	"github.com/futurisys/futurisys/services/platform/grpcclient"
	"github.com/futurisys/futurisys/services/platform/keysource"
	"github.com/futurisys/futurisys/services/platform/lifecycle"
	"github.com/futurisys/futurisys/services/platform/readiness"
	"github.com/futurisys/futurisys/services/platform/telemetry"
)

type serveCommand struct{}

// Run serves until a signal.
func (serveCommand) Run(s *settings) error {
	log := telemetry.NewLogger(os.Stderr, "gateway", s.LogLevel, s.LogFormat)
	metrics := telemetry.NewRegistry()

	if err := s.CheckProd(); err != nil {
		return err //nolint:wrapcheck // it names the keys
	}
	if s.Environment == config.Prod && !s.encrypted() {
		return errors.New("GATEWAY_TLS_CERT_FILE: prod needs HTTPS, or GATEWAY_TRUSTED_PROXIES where a proxy in front speaks it")
	}
	who, own, err := s.identify()
	if err != nil {
		return err
	}
	defer who.Certificates.Close()
	inference, err := grpcclient.New("inference", s.InferenceTarget, own, metrics)
	if err != nil {
		return fmt.Errorf("INFERENCE_TARGET: %w", err)
	}
	defer inference.Close()
	peers := []peer{{"inference", inference}}
	var persistence *grpc.ClientConn
	if s.HasDatabase(s.PersistenceTarget) {
		if persistence, err = grpcclient.New("persistence", s.PersistenceTarget, own, metrics); err != nil {
			return fmt.Errorf("PERSISTENCE_TARGET: %w", err)
		}
		defer persistence.Close()
		peers = append(peers, peer{"persistence", persistence})
	}
	watch := readiness.New((&peerReadiness{peers: peers}).look, log)

	joined := joinedStatus(s.Environment, peers, watch.Check)
	happened := audit.NewForwarder(who.Gate, persistence, metrics, log)
	who.Gate.FollowKeys(keysource.Of(persistence))
	handler, err := newHandler(s, log, metrics, who.Gate, happened, connections{inference, persistence}, joined, watch.Check)
	if err != nil {
		return err
	}
	httpListener, end, err := s.listen(metrics)
	if err != nil {
		return err
	}
	defer end()
	adminListener, err := lifecycle.Listen("GATEWAY_ADMIN_ADDR", s.GatewayAdminAddr, s.MaxConnections, metrics)
	if err != nil {
		return err //nolint:wrapcheck // it names the key
	}
	group := lifecycle.New(log)
	lifecycle.LimitMemory(softMemory)
	group.AddSignals(s.ShutdownDelay, watch.Stop)
	group.AddHTTP(handler, httpListener)
	group.AddAdmin(telemetry.AdminHandler(watch.Check, metrics), adminListener)
	group.AddLoop(func(ctx context.Context) { watch.Follow(ctx, func(bool) {}) })
	group.AddLoop(happened.Run)
	group.AddLoop(func(ctx context.Context) { who.Gate.Run(ctx, log) })
	log.Info("serving", "http", s.GatewayHTTPAddr, "admin", s.GatewayAdminAddr, "version", buildinfo.Version())
	return group.Run() //nolint:wrapcheck // it says what it was doing
}

// listen listens for callers, by HTTPS where a certificate is set. end ends the following of
// its files.
func (s *settings) listen(metrics prometheus.Registerer) (listener net.Listener, end func(), err error) {
	plain, err := lifecycle.Listen("GATEWAY_HTTP_ADDR", s.GatewayHTTPAddr, s.MaxConnections, metrics)
	if err != nil {
		return nil, nil, err //nolint:wrapcheck // it names the key
	}
	if s.GatewayTLSCertFile == "" {
		return plain, func() {}, nil
	}
	certificate, err := certs.OpenPair("GATEWAY_TLS_CERT_FILE, GATEWAY_TLS_KEY_FILE", s.GatewayTLSCertFile, s.GatewayTLSKeyFile)
	if err != nil {
		return nil, nil, err //nolint:wrapcheck // it names the keys
	}
	return tls.NewListener(plain, certificate.HTTP()), certificate.Close, nil
}

// softMemory is what Go tries to keep within: a batch of 10,000 profiles is 60 MB for a
// moment, and would leave as much behind before it is collected.
const softMemory = 144 << 20
