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
	"strings"

	"github.com/klauspost/compress/gzhttp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health/grpc_health_v1"

	"github.com/futurisys/futurisys/gateway/internal/dashboard/texts"
	"github.com/futurisys/futurisys/gateway/internal/routes"
	"github.com/futurisys/futurisys/proto/policy"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// Prefix is where all of its paths begin.
const Prefix = "/ui/"

//go:embed static
var static embed.FS

// Options say what a dashboard reaches.
type Options struct {
	Inference   *grpc.ClientConn
	Persistence *grpc.ClientConn // nil: there is no database, and no screen that needs it
	Status      futurisysv1.StatusServiceServer
	Policies    policy.Policies // of the methods that the screens call
	Logger      *slog.Logger
}

// Dashboard serves the pages. It may be used by many goroutines at once.
type Dashboard struct {
	predictions futurisysv1.PredictionServiceClient
	models      *models
	employees   futurisysv1.EmployeeServiceClient          // nil without a database
	history     futurisysv1.PredictionHistoryServiceClient // nil without a database
	health      map[string]grpc_health_v1.HealthClient     // by service
	status      futurisysv1.StatusServiceServer
	texts       *texts.Catalogue
	fields      []profileField
	assets      map[string]string // name to path with the digest
	log         *slog.Logger

	// pages and streams are the screens by pattern; what streams is not compressed.
	pages, streams *http.ServeMux
	compressed     http.Handler
	routes         map[string]routes.Route // by pattern
}

// New returns the dashboard.
func New(options Options) (*Dashboard, error) {
	catalogue, err := texts.Load()
	if err != nil {
		return nil, err //nolint:wrapcheck // it says what it was doing
	}
	d := &Dashboard{
		predictions: futurisysv1.NewPredictionServiceClient(options.Inference),
		models:      &models{client: futurisysv1.NewModelServiceClient(options.Inference)},
		health:      map[string]grpc_health_v1.HealthClient{inference: grpc_health_v1.NewHealthClient(options.Inference)},
		status:      options.Status, texts: catalogue, fields: profileFields(), log: options.Logger,
		pages: http.NewServeMux(), streams: http.NewServeMux(), routes: map[string]routes.Route{},
	}
	if options.Persistence != nil {
		d.employees = futurisysv1.NewEmployeeServiceClient(options.Persistence)
		d.history = futurisysv1.NewPredictionHistoryServiceClient(options.Persistence)
		d.health[persistence] = grpc_health_v1.NewHealthClient(options.Persistence)
	}
	if d.assets, err = digests(); err != nil {
		return nil, err
	}
	return d, d.addRoutes(options.Policies)
}

func (d *Dashboard) hasDatabase() bool { return d.employees != nil }

// ServeHTTP answers everything below Prefix.
func (d *Dashboard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Security-Policy", pagePolicy)
	if _, pattern := d.streams.Handler(r); pattern != "" {
		d.streams.ServeHTTP(w, r)
		return
	}
	d.compressed.ServeHTTP(w, r)
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

// kind is how a screen answers.
type kind int

const (
	page   kind = iota // at once, compressed
	stream             // bit by bit: its progress would wait for a compressor
	export             // the same, for as long as there are rows
)

// screen is a pattern that is served. method is what of the API it is a form of: its
// policy is the screen's.
type screen struct {
	pattern string
	method  string
	kind    kind
	handle  func(*view, http.ResponseWriter, *http.Request)
}

func (d *Dashboard) screens() []screen {
	return []screen{
		{"GET /ui/{$}", healthCheck, page, d.home},
		{"POST /ui/settings", healthCheck, page, d.changeSettings},
		{"GET /ui/alive", healthCheck, page, d.alive},
		{"GET /ui/simulate", futurisysv1.ModelService_GetModel_FullMethodName, page, d.simulateForm},
		{"POST /ui/simulate", futurisysv1.PredictionService_Predict_FullMethodName, page, d.simulate},
		{"GET /ui/batch", futurisysv1.ModelService_GetModel_FullMethodName, page, d.batchForm},
		{"POST /ui/batch/check", futurisysv1.PredictionService_BatchPredict_FullMethodName, page, d.batchCheck},
		{"POST /ui/batch/score", futurisysv1.PredictionService_BatchPredict_FullMethodName, stream, d.batchScore},
		{"GET /ui/model", futurisysv1.ModelService_GetModel_FullMethodName, page, d.modelPage},
		{"GET /ui/model/threshold", futurisysv1.ModelService_GetModelVersion_FullMethodName, page, d.thresholdPart},
		{"GET /ui/model/curve", futurisysv1.ModelService_ListFeatureCurves_FullMethodName, page, d.curvePage},
		{"GET /ui/model/alias", futurisysv1.ModelService_SetModelAlias_FullMethodName, page, d.aliasConfirm},
		{"POST /ui/model/alias", futurisysv1.ModelService_SetModelAlias_FullMethodName, page, d.aliasChange},
		{Prefix, healthCheck, page, d.notFound},
		{"GET /ui/static/{$}", healthCheck, page, d.notFound}, // no list of files
	}
}

// recordScreens are those that need a database.
func (d *Dashboard) recordScreens() []screen {
	return []screen{
		{"GET /ui/employees", futurisysv1.EmployeeService_ListEmployees_FullMethodName, page, d.employeesPage},
		{"GET /ui/employees.csv", futurisysv1.EmployeeService_ListEmployees_FullMethodName, export, d.employeesCSV},
		{"POST /ui/employees/score", futurisysv1.PredictionService_PredictEmployees_FullMethodName, stream, d.employeesScore},
		{"GET /ui/employees/{id}", futurisysv1.EmployeeService_GetEmployee_FullMethodName, page, d.employeePage},
		{"POST /ui/employees/{id}/score", futurisysv1.PredictionService_PredictEmployees_FullMethodName, page, d.employeeScore},
		{"POST /ui/employees/{id}/what-if", futurisysv1.PredictionService_Explain_FullMethodName, page, d.whatIf},
		{"GET /ui/employees/{id}/edit", futurisysv1.EmployeeService_UpdateEmployee_FullMethodName, page, d.editForm},
		{"POST /ui/employees/{id}/edit", futurisysv1.EmployeeService_UpdateEmployee_FullMethodName, page, d.edit},
		{"GET /ui/import", futurisysv1.EmployeeService_ImportEmployees_FullMethodName, page, d.importForm},
		{"POST /ui/import", futurisysv1.EmployeeService_ImportEmployees_FullMethodName, stream, d.importFiles},
		{"GET /ui/history", futurisysv1.PredictionHistoryService_ListPredictions_FullMethodName, page, d.historyPage},
		{"GET /ui/history.csv", futurisysv1.PredictionHistoryService_ListPredictions_FullMethodName, export, d.historyCSV},
		{"GET /ui/batches/{batch}", futurisysv1.PredictionHistoryService_ListPredictions_FullMethodName, page, d.resultsPage},
		{"GET /ui/predictions/{id}", futurisysv1.PredictionHistoryService_GetPrediction_FullMethodName, page, d.predictionPage},
		{"GET /ui/health", futurisysv1.StatusService_GetStatus_FullMethodName, page, d.healthPage},
	}
}

// addRoutes serves the screens.
func (d *Dashboard) addRoutes(policies policy.Policies) error {
	screens := d.screens()
	if d.hasDatabase() {
		screens = append(screens, d.recordScreens()...)
	}
	for _, s := range screens {
		known, ok := policies[s.method]
		if !ok {
			return fmt.Errorf("screen %s: no policy for %s", s.pattern, s.method)
		}
		_, path, _ := strings.Cut(s.pattern, "/")
		d.routes[s.pattern] = routes.Route{Pattern: "/" + path, Policy: known, Form: true, Unbounded: s.kind == export}
		to := d.pages
		if s.kind != page {
			to = d.streams
		}
		to.Handle(s.pattern, d.withView(s.handle))
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

// healthCheck is the method whose policy screens without data have: anybody may see them.
const healthCheck = "/grpc.health.v1.Health/Check"

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
