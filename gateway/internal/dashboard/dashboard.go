// Package dashboard is HR's own screen: pages made on the server, which reach
// everything by the services' gRPC clients and keep nothing. Links and forms do the
// work; htmx and a small script make it smoother.
package dashboard

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"path"
	"slices"
	"strings"

	"github.com/klauspost/compress/gzhttp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health/grpc_health_v1"

	trail "github.com/futurisys/futurisys/gateway/internal/dashboard/audit"
	"github.com/futurisys/futurisys/gateway/internal/dashboard/employees"
	"github.com/futurisys/futurisys/gateway/internal/dashboard/health"
	"github.com/futurisys/futurisys/gateway/internal/dashboard/history"
	"github.com/futurisys/futurisys/gateway/internal/dashboard/importing"
	"github.com/futurisys/futurisys/gateway/internal/dashboard/keys"
	"github.com/futurisys/futurisys/gateway/internal/dashboard/model"
	"github.com/futurisys/futurisys/gateway/internal/dashboard/scoring"
	"github.com/futurisys/futurisys/gateway/internal/dashboard/texts"
	"github.com/futurisys/futurisys/gateway/internal/dashboard/ui"
	"github.com/futurisys/futurisys/gateway/internal/openid"
	"github.com/futurisys/futurisys/gateway/internal/routes"
	"github.com/futurisys/futurisys/gateway/internal/session"
	"github.com/futurisys/futurisys/proto/policy"
	"github.com/futurisys/futurisys/services/platform/access"
	"github.com/futurisys/futurisys/services/platform/apierr"
	"github.com/futurisys/futurisys/services/platform/audit"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// Prefix is where all of its paths begin.
const Prefix = ui.Prefix

//go:embed static
var static embed.FS

// Options say what a dashboard reaches.
type Options struct {
	Inference   *grpc.ClientConn
	Persistence *grpc.ClientConn // nil: there is no database, and no screen that needs it
	Status      futurisysv1.StatusServiceServer
	Policies    policy.Policies // of the methods that the screens call
	Logger      *slog.Logger
	Gate        *access.Gate      // who may see what; nil: everybody all
	Sessions    *session.Sessions // of who signs in, where callers must be known
	Provider    *openid.Provider  // by which people sign in; nil: with keys alone
	Audit       *audit.Forwarder  // told who signs in and out
}

// Dashboard serves the pages. It may be used by many goroutines at once.
type Dashboard struct {
	*ui.Site

	health map[string]grpc_health_v1.HealthClient // by service
	// pages and streams are the screens by pattern; what streams is not compressed.
	pages, streams *http.ServeMux
	compressed     http.Handler
	routes         map[string]routes.Route // by pattern
	sessions       *session.Sessions
	provider       *openid.Provider
	happened       *audit.Forwarder
	policy         string // of the pages' content
}

// New returns the dashboard.
func New(options Options) (*Dashboard, error) {
	catalogue, err := texts.Load()
	if err != nil {
		return nil, err //nolint:wrapcheck // it says what it was doing
	}
	assets, err := digests()
	if err != nil {
		return nil, err
	}
	d := &Dashboard{
		Site: &ui.Site{
			Services: ui.Services{
				Predictions: futurisysv1.NewPredictionServiceClient(options.Inference),
				Models:      &ui.Models{Client: futurisysv1.NewModelServiceClient(options.Inference)},
				Status:      options.Status,
			},
			Log: options.Logger, Texts: catalogue, Assets: assets, Gate: options.Gate, Policies: options.Policies,
		},
		sessions: options.Sessions, happened: options.Audit, provider: options.Provider, policy: pagePolicy,
		health: map[string]grpc_health_v1.HealthClient{ui.Inference: grpc_health_v1.NewHealthClient(options.Inference)},
		pages:  http.NewServeMux(), streams: http.NewServeMux(), routes: map[string]routes.Route{},
	}
	if options.Persistence != nil {
		d.Employees = futurisysv1.NewEmployeeServiceClient(options.Persistence)
		d.History = futurisysv1.NewPredictionHistoryServiceClient(options.Persistence)
		d.Access = futurisysv1.NewAccessServiceClient(options.Persistence)
		d.Audit = futurisysv1.NewAuditServiceClient(options.Persistence)
		d.health[ui.Persistence] = grpc_health_v1.NewHealthClient(options.Persistence)
	}
	if d.provider != nil { // signing out leads there
		d.policy = strings.Replace(pagePolicy, "form-action 'self'", "form-action 'self' "+d.provider.Origin(), 1)
	}
	return d, d.addRoutes(options.Policies)
}

// screens are those that this environment has.
func (d *Dashboard) screens() []ui.Screen {
	all := slices.Concat(d.shell(), d.signing(), scoring.Screens(d.Site), model.Screens(d.Site))
	if d.HasDatabase() {
		all = slices.Concat(all, employees.Screens(d.Site), importing.Screens(d.Site), history.Screens(d.Site), trail.Screens(d.Site), keys.Screens(d.Site), health.Screens(d.Site))
	}
	return all
}

// addRoutes serves the screens.
func (d *Dashboard) addRoutes(policies policy.Policies) error {
	for _, s := range d.screens() {
		known, ok := policies[s.Method]
		if !ok {
			return fmt.Errorf("screen %s: no policy for %s", s.Pattern, s.Method)
		}
		_, path, _ := strings.Cut(s.Pattern, "/")
		d.routes[s.Pattern] = routes.Route{Pattern: "/" + path, FullMethod: s.Method, Policy: known, Form: true, Unbounded: s.Unbounded}
		to := d.pages
		if s.Streams {
			to = d.streams
		}
		to.Handle(s.Pattern, d.View(s.Handle))
	}
	files, err := fs.Sub(static, "static")
	if err != nil {
		return err //nolint:wrapcheck // the folder is embedded above
	}
	const assets = "GET /ui/static/"
	d.pages.Handle(assets, cacheForever(http.StripPrefix("/ui/static/", http.FileServerFS(files))))
	d.routes[assets] = routes.Route{Pattern: "/ui/static/", Policy: policies[healthCheck]}
	d.compressed = gzhttp.GzipHandler(d.pages)
	return nil
}

// ServeHTTP answers everything below Prefix.
func (d *Dashboard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Security-Policy", d.policy)
	if _, pattern := d.streams.Handler(r); pattern != "" {
		d.streams.ServeHTTP(w, r)
		return
	}
	d.compressed.ServeHTTP(w, r)
}

// FailRequest answers a request that did not reach its screen with a page that says why.
func (d *Dashboard) FailRequest(w http.ResponseWriter, r *http.Request, err error) {
	w.Header().Set("Content-Security-Policy", d.policy)
	if apierr.ReasonOf(err) == futurisysv1.ErrorReason_ERROR_REASON_UNAUTHENTICATED && !d.Gate.Open() {
		w.Header().Del("WWW-Authenticate") // which makes browsers ask in a window of their own
		d.toSignIn(d.NewView(r), w, r)
		return
	}
	d.Fail(d.NewView(r), w, r, "", err)
}

// Route is the route of a request for a screen, with the policy of what it calls.
func (d *Dashboard) Route(r *http.Request) routes.Route {
	for _, screens := range []*http.ServeMux{d.streams, d.pages} {
		if _, pattern := screens.Handler(r); pattern != "" {
			return d.routes[pattern]
		}
	}
	return d.routes[Prefix]
}

// pagePolicy lets a page load its own script, style and pictures, and nothing else.
const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; " +
	"connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

// cacheForever is for files whose address has their digest.
func cacheForever(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
		next.ServeHTTP(w, r)
	})
}

// digests are the addresses of the static files, by name.
func digests() (map[string]string, error) {
	out := map[string]string{}
	entries, err := static.ReadDir("static")
	if err != nil {
		return nil, fmt.Errorf("list the static files: %w", err)
	}
	for _, entry := range entries {
		content, err := static.ReadFile(path.Join("static", entry.Name()))
		if err != nil {
			return nil, fmt.Errorf("read a static file: %w", err)
		}
		sum := sha256.Sum256(content)
		out[entry.Name()] = Prefix + "static/" + entry.Name() + "?v=" + hex.EncodeToString(sum[:6])
	}
	return out, nil
}
