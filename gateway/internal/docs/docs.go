// Package docs serves the OpenAPI document and Swagger UI from the binary.
package docs

import (
	"bytes"
	"embed"
	"io/fs"
	"log/slog"
	"net/http"

	"github.com/klauspost/compress/gzhttp"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// swaggerUI is npm's swagger-ui-dist, unchanged, and a page of ours that starts it.
//
//go:embed swagger-ui
var swaggerUI embed.FS

// pagePolicy lets Swagger UI run its own script and styles, and call this gateway.
const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; " +
	"img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

// Sources are where the document's examples come from.
type Sources struct {
	Models futurisysv1.ModelServiceClient
	// Employees and History are nil without a database.
	Employees futurisysv1.EmployeeServiceClient
	History   futurisysv1.PredictionHistoryServiceClient
}

// Register adds /openapi.json and /docs/.
func Register(mux *http.ServeMux, sources Sources, log *slog.Logger) error {
	document := &document{sources: sources, log: log}
	mux.Handle("GET /openapi.json", gzhttp.GzipHandler(document))
	files, err := fs.Sub(swaggerUI, "swagger-ui")
	if err != nil {
		return err //nolint:wrapcheck // the folder is embedded above
	}
	serve := gzhttp.GzipHandler(http.StripPrefix("/docs/", http.FileServerFS(files))) // a megabyte and a half of script
	mux.HandleFunc("GET /docs/", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", pagePolicy)
		w.Header().Set("Cache-Control", "max-age=3600")
		serve.ServeHTTP(w, r)
	})
	return nil
}

// ServeHTTP answers with the document, completed by what the champion knows.
func (d *document) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body := d.complete(r.Context())
	w.Header().Set("Content-Type", "application/json")
	_, _ = bytes.NewReader(body).WriteTo(w) // a reader that went away needs no answer
}
