// Command gateway serves REST, the dashboard, the OpenAPI document and Swagger UI over
// HTTP, and reaches the services by gRPC.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"

	"github.com/futurisys/futurisys/gateway/internal/dashboard"
	"github.com/futurisys/futurisys/gateway/internal/docs"
	"github.com/futurisys/futurisys/gateway/internal/middleware"
	"github.com/futurisys/futurisys/gateway/internal/mux"
	"github.com/futurisys/futurisys/gateway/internal/routes"
	"github.com/futurisys/futurisys/proto/policy"
	"github.com/futurisys/futurisys/services/platform/buildinfo"
	"github.com/futurisys/futurisys/services/platform/config"
	"github.com/futurisys/futurisys/services/platform/grpcclient"
	"github.com/futurisys/futurisys/services/platform/lifecycle"
	"github.com/futurisys/futurisys/services/platform/status"
	"github.com/futurisys/futurisys/services/platform/telemetry"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// settings are those of this process.
type settings struct {
	config.Common

	GatewayHTTPAddr       string        `name:"gateway-http-addr" env:"GATEWAY_HTTP_ADDR" default:"127.0.0.1:8080" help:"Address of REST, the dashboard and the documentation."`
	GatewayAdminAddr      string        `env:"GATEWAY_ADMIN_ADDR" default:"127.0.0.1:9090" help:"Address of health, metrics and pprof."`
	GatewayRequestTimeout time.Duration `env:"GATEWAY_REQUEST_TIMEOUT" default:"30s" help:"How long a request may take; imports and batches ten times as long."`
	InferenceTarget       string        `env:"INFERENCE_TARGET" default:"127.0.0.1:9001" help:"Address of inference."`
	PersistenceTarget     string        `env:"PERSISTENCE_TARGET" default:"127.0.0.1:9002" help:"Address of persistence; empty, or in the demo: there is no database."`

	Serve  serveCommand  `cmd:"" default:"1" help:"Serve (the default)."`
	Health healthCommand `cmd:"" help:"Ask the running program whether it is ready."`
}

type serveCommand struct{}

// Run serves until a signal.
func (serveCommand) Run(s *settings) error { return run(s) }

type healthCommand struct{}

// Run asks the program that runs with these settings whether it is ready.
func (healthCommand) Run(s *settings) error { return telemetry.Probe(s.GatewayAdminAddr) } //nolint:wrapcheck // it says all there is to say

func main() {
	var s settings
	command, err := config.Parse("gateway", "Serves REST, the dashboard and the documentation.", &s, os.Args[1:])
	if err == nil {
		err = command.Run(&s)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "gateway:", err)
		os.Exit(1)
	}
}

// Validate refuses values that cannot be meant.
func (s *settings) Validate() error {
	return config.Bound("GATEWAY_REQUEST_TIMEOUT", s.GatewayRequestTimeout, time.Second, 10*time.Minute) //nolint:wrapcheck // it names the key
}

func (s *settings) check() error {
	if s.Environment == config.Demo {
		s.PersistenceTarget = ""
	}
	if err := config.CheckBind("GATEWAY_HTTP_ADDR", s.GatewayHTTPAddr, s.AllowInsecureBind); err != nil {
		return err //nolint:wrapcheck // it names the key
	}
	return config.CheckBind("GATEWAY_ADMIN_ADDR", s.GatewayAdminAddr, s.AllowInsecureBind) //nolint:wrapcheck // it names the key
}

func run(s *settings) error {
	if err := s.check(); err != nil {
		return err
	}
	log := telemetry.NewLogger(os.Stderr, "gateway", s.LogLevel, s.LogFormat)
	metrics := telemetry.NewRegistry()

	inference, err := grpcclient.New(s.InferenceTarget)
	if err != nil {
		return fmt.Errorf("INFERENCE_TARGET: %w", err)
	}
	defer inference.Close()
	peers := []peer{{"inference", inference}}
	var persistence *grpc.ClientConn
	if s.PersistenceTarget != "" {
		if persistence, err = grpcclient.New(s.PersistenceTarget); err != nil {
			return fmt.Errorf("PERSISTENCE_TARGET: %w", err)
		}
		defer persistence.Close()
		peers = append(peers, peer{"persistence", persistence})
	}
	ready := newReadiness(peers)

	joined := joinedStatus(s.Environment, peers, ready.check)
	handler, err := newHandler(s, log, metrics, connections{inference, persistence}, joined, ready.check)
	if err != nil {
		return err
	}
	httpListener, err := net.Listen("tcp", s.GatewayHTTPAddr)
	if err != nil {
		return fmt.Errorf("GATEWAY_HTTP_ADDR: %w", err)
	}
	adminListener, err := net.Listen("tcp", s.GatewayAdminAddr)
	if err != nil {
		return fmt.Errorf("GATEWAY_ADMIN_ADDR: %w", err)
	}
	var group lifecycle.Group
	group.AddSignals(ready.stop)
	group.AddHTTP(handler, httpListener)
	group.AddHTTP(telemetry.AdminHandler(ready.check, metrics), adminListener)
	log.Info("serving", "http", s.GatewayHTTPAddr, "admin", s.GatewayAdminAddr, "version", buildinfo.Version())
	return group.Run() //nolint:wrapcheck // it says what it was doing
}

// connections are those to the services.
type connections struct {
	inference   *grpc.ClientConn
	persistence *grpc.ClientConn // nil: there is no database
}

// newHandler returns all that is served over HTTP, behind what every request passes.
func newHandler(s *settings, log *slog.Logger, metrics *prometheus.Registry, to connections, joined *mux.Status, ready func(context.Context) error) (http.Handler, error) {
	policies, err := policy.Load()
	if err != nil {
		return nil, err //nolint:wrapcheck // it says what it was doing
	}
	table, err := routes.New(policies)
	if err != nil {
		return nil, err //nolint:wrapcheck // it says what it was doing
	}
	api, err := mux.New(context.Background(), mux.Services{Inference: to.inference, Persistence: to.persistence, Status: joined}, table)
	if err != nil {
		return nil, err //nolint:wrapcheck // it says what it was doing
	}
	screens, err := dashboard.New(dashboard.Options{Inference: to.inference, Persistence: to.persistence, Status: joined, Policies: policies, Logger: log})
	if err != nil {
		return nil, err //nolint:wrapcheck // it says what it was doing
	}
	pages := http.NewServeMux()
	pages.Handle("/", api)
	pages.Handle(dashboard.Prefix, screens)
	pages.Handle("GET /{$}", http.RedirectHandler(dashboard.Prefix, http.StatusSeeOther))
	telemetry.HandleHealth(pages, ready)
	if err := docs.Register(pages, futurisysv1.NewModelServiceClient(to.inference), log); err != nil {
		return nil, err //nolint:wrapcheck // it says what it was doing
	}
	return middleware.Chain(pages,
		middleware.Route(func(r *http.Request) (routes.Route, bool) {
			if strings.HasPrefix(r.URL.Path, dashboard.Prefix) {
				return screens.Route(r), true
			}
			return table.Find(r)
		}),
		middleware.Headers,
		middleware.Metrics(metrics),
		middleware.Guard(log, mux.WriteError),
		middleware.URLText(mux.WriteError),
		middleware.IdempotencyKey(mux.WriteError),
		middleware.Origin(mux.WriteError),
		middleware.Body(mux.WriteError),
		middleware.Deadline(s.GatewayRequestTimeout),
	), nil
}

// joinedStatus answers for the gateway and the services behind it.
func joinedStatus(environment string, peers []peer, ready func(context.Context) error) *mux.Status {
	joined := &mux.Status{Own: status.New("gateway", environment, func() map[string]string { return nil }, ready)}
	for _, p := range peers {
		joined.Others = append(joined.Others, mux.Peer{Name: p.name, Client: futurisysv1.NewStatusServiceClient(p.connection)})
	}
	return joined
}
