package main

import (
	"context"
	"log/slog"
	"net/http"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"

	"github.com/futurisys/futurisys/gateway/internal/dashboard"
	"github.com/futurisys/futurisys/gateway/internal/docs"
	"github.com/futurisys/futurisys/gateway/internal/middleware"
	"github.com/futurisys/futurisys/gateway/internal/mux"
	"github.com/futurisys/futurisys/gateway/internal/routes"
	"github.com/futurisys/futurisys/gateway/internal/session"
	"github.com/futurisys/futurisys/proto/policy"
	"github.com/futurisys/futurisys/services/platform/access"
	"github.com/futurisys/futurisys/services/platform/audit"
	"github.com/futurisys/futurisys/services/platform/lifecycle"
	"github.com/futurisys/futurisys/services/platform/status"
	"github.com/futurisys/futurisys/services/platform/telemetry"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// connections are those to the services.
type connections struct {
	inference   *grpc.ClientConn
	persistence *grpc.ClientConn // nil: there is no database
}

// examples are where the documentation's come from.
func (c connections) examples() docs.Sources {
	out := docs.Sources{Models: futurisysv1.NewModelServiceClient(c.inference)}
	if c.persistence != nil {
		out.Employees = futurisysv1.NewEmployeeServiceClient(c.persistence)
		out.History = futurisysv1.NewPredictionHistoryServiceClient(c.persistence)
	}
	return out
}

// newHandler returns all that is served over HTTP, behind what every request passes.
func newHandler(s *settings, log *slog.Logger, metrics *prometheus.Registry, gate *access.Gate, happened *audit.Forwarder, to connections, joined *mux.Status, ready func(context.Context) error) (http.Handler, error) {
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
	provider, err := s.provider()
	if err != nil {
		return nil, err
	}
	sessions := session.New(session.Options{Encrypted: s.encrypted(), Provider: provider, AskInterval: s.OIDCAskInterval})
	screens, err := dashboard.New(dashboard.Options{
		Inference: to.inference, Persistence: to.persistence, Status: joined, Policies: policies, Logger: log, Gate: gate, Sessions: sessions, Provider: provider, Audit: happened,
	})
	if err != nil {
		return nil, err //nolint:wrapcheck // it says what it was doing
	}
	pages := http.NewServeMux()
	pages.Handle("/", api)
	pages.Handle(dashboard.Prefix, screens)
	pages.Handle("GET /{$}", http.RedirectHandler(dashboard.Prefix, http.StatusSeeOther))
	telemetry.HandleHealth(pages, ready)
	if err := docs.Register(pages, to.examples(), log); err != nil {
		return nil, err //nolint:wrapcheck // it says what it was doing
	}
	fail := func(w http.ResponseWriter, r *http.Request, err error) {
		if strings.HasPrefix(r.URL.Path, dashboard.Prefix) {
			screens.FailRequest(w, r, err)
			return
		}
		mux.WriteError(w, err)
	}
	return middleware.Chain(pages,
		middleware.Route(func(r *http.Request) (routes.Route, bool) {
			if strings.HasPrefix(r.URL.Path, dashboard.Prefix) {
				return screens.Route(r), true
			}
			return table.Find(r)
		}),
		middleware.RequestID,
		middleware.Headers(s.encrypted()),
		middleware.Proxies(s.GatewayTrustedProxies),
		middleware.Metrics(metrics),
		middleware.Access(log, s.AccessLog),
		middleware.Guard(log, fail),
		middleware.NoHTTP2,
		middleware.Host(s.GatewayHTTPAddr, s.GatewayAllowedHosts, fail),
		middleware.Head,
		middleware.CORS(s.GatewayCORSOrigins),
		middleware.Authenticate(gate, signedIn(sessions, gate), fail),
		middleware.URLText(fail),
		middleware.IdempotencyKey(fail),
		middleware.Origin(s.GatewayCORSOrigins, fail),
		middleware.Body(fail),
		middleware.Deadline(s.GatewayRequestTimeout),
		middleware.Admission(metrics, s.MaxInFlight, lifecycle.MaxConnections(s.MaxConnections), fail),
	), nil
}

// signedIn is whom the browser of a request is signed in as. Only the dashboard asks: a page of
// elsewhere that makes a browser call the API calls it as nobody.
func signedIn(sessions *session.Sessions, gate *access.Gate) func(context.Context, *http.Request) context.Context {
	return func(ctx context.Context, r *http.Request) context.Context {
		if !strings.HasPrefix(r.URL.Path, dashboard.Prefix) {
			return ctx
		}
		return sessions.Identify(ctx, r, gate)
	}
}

// joinedStatus answers for the gateway and the services behind it.
func joinedStatus(environment string, peers []peer, ready func(context.Context) error) *mux.Status {
	joined := &mux.Status{Own: status.New("gateway", environment, func() map[string]string { return nil }, ready)}
	for _, p := range peers {
		joined.Others = append(joined.Others, mux.Peer{Name: p.name, Client: futurisysv1.NewStatusServiceClient(p.connection)})
	}
	return joined
}
