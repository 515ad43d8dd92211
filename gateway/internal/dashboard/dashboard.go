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

	"github.com/klauspost/compress/gzhttp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health/grpc_health_v1"

	"github.com/futurisys/futurisys/gateway/internal/dashboard/texts"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// Prefix is where all of its paths begin.
const Prefix = "/ui/"

// ImportPath takes the form of an import.
const ImportPath = Prefix + "import"

// BatchPaths take files of many rows, or work through many.
func BatchPaths() []string {
	return []string{Prefix + "batch/check", Prefix + "batch/score", Prefix + "employees/score"}
}

// ExportPaths answer with files of any length.
func ExportPaths() []string { return []string{Prefix + "history.csv", Prefix + "employees.csv"} }

//go:embed static
var static embed.FS

// Options say what a dashboard reaches.
type Options struct {
	Inference   *grpc.ClientConn
	Persistence *grpc.ClientConn // nil: there is no database, and no screen that needs it
	Status      futurisysv1.StatusServiceServer
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
	said        []said
	log         *slog.Logger
}

// New returns the handler of everything below Prefix.
func New(options Options) (http.Handler, error) {
	catalogue, err := texts.Load()
	if err != nil {
		return nil, err //nolint:wrapcheck // it says what it was doing
	}
	d := &Dashboard{
		predictions: futurisysv1.NewPredictionServiceClient(options.Inference),
		models:      &models{client: futurisysv1.NewModelServiceClient(options.Inference)},
		health:      map[string]grpc_health_v1.HealthClient{inference: grpc_health_v1.NewHealthClient(options.Inference)},
		status:      options.Status, texts: catalogue, fields: profileFields(), said: serviceWords(), log: options.Logger,
	}
	if options.Persistence != nil {
		d.employees = futurisysv1.NewEmployeeServiceClient(options.Persistence)
		d.history = futurisysv1.NewPredictionHistoryServiceClient(options.Persistence)
		d.health[persistence] = grpc_health_v1.NewHealthClient(options.Persistence)
	}
	if d.assets, err = digests(); err != nil {
		return nil, err
	}
	return d.routes()
}

func (d *Dashboard) hasDatabase() bool { return d.employees != nil }

// routes are the pages. What streams its progress is not compressed.
func (d *Dashboard) routes() (http.Handler, error) {
	pages, streams := http.NewServeMux(), http.NewServeMux()
	page := func(pattern string, handle func(*view, http.ResponseWriter, *http.Request)) {
		pages.Handle(pattern, d.withView(handle))
	}
	stream := func(pattern string, handle func(*view, http.ResponseWriter, *http.Request)) {
		streams.Handle(pattern, d.withView(handle))
	}
	page("GET /ui/{$}", d.home)
	page("POST /ui/settings", d.changeSettings)
	page("GET /ui/alive", d.alive)
	page("GET /ui/simulate", d.simulateForm)
	page("POST /ui/simulate", d.simulate)
	page("GET /ui/batch", d.batchForm)
	page("POST /ui/batch/check", d.batchCheck)
	stream("POST /ui/batch/score", d.batchScore)
	page("GET /ui/model", d.modelPage)
	page("GET /ui/model/threshold", d.thresholdPart)
	page("GET /ui/model/curve", d.curvePage)
	page("GET /ui/model/alias", d.aliasConfirm)
	page("POST /ui/model/alias", d.aliasChange)
	if d.hasDatabase() {
		page("GET /ui/employees", d.employeesPage)
		stream("GET /ui/employees.csv", d.employeesCSV)
		stream("POST /ui/employees/score", d.employeesScore)
		page("GET /ui/employees/{id}", d.employeePage)
		page("POST /ui/employees/{id}/score", d.employeeScore)
		page("POST /ui/employees/{id}/what-if", d.whatIf)
		page("GET /ui/employees/{id}/edit", d.editForm)
		page("POST /ui/employees/{id}/edit", d.edit)
		page("GET /ui/import", d.importForm)
		stream("POST /ui/import", d.importFiles)
		page("GET /ui/history", d.historyPage)
		stream("GET /ui/history.csv", d.historyCSV)
		page("GET /ui/batches/{batch}", d.resultsPage)
		page("GET /ui/predictions/{id}", d.predictionPage)
		page("GET /ui/health", d.healthPage)
	}
	page("/ui/", d.notFound)
	files, err := fs.Sub(static, "static")
	if err != nil {
		return nil, err //nolint:wrapcheck // the folder is embedded above
	}
	page("GET /ui/static/{$}", d.notFound) // no list of files
	pages.Handle("GET /ui/static/", cacheForever(http.StripPrefix("/ui/static/", http.FileServerFS(files))))
	compressed := gzhttp.GzipHandler(pages)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", pagePolicy)
		if _, pattern := streams.Handler(r); pattern != "" {
			streams.ServeHTTP(w, r)
			return
		}
		compressed.ServeHTTP(w, r)
	}), nil
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
