// Package ui is what the screens share: the view of a request, the page around each
// screen, what a failure looks like, words, links, tables and progress.
package ui

import (
	"log/slog"
	"net/http"

	"github.com/a-h/templ"

	"github.com/futurisys/futurisys/gateway/internal/dashboard/texts"
	"github.com/futurisys/futurisys/proto/policy"
	"github.com/futurisys/futurisys/services/platform/access"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// Prefix is where all paths of the dashboard begin.
const Prefix = "/ui/"

// ListedTogether is how many rows are listed in one call.
const ListedTogether = 1_000

// Handler answers a request for a screen.
type Handler = func(*View, http.ResponseWriter, *http.Request)

// Screen is a pattern that is served. Method is what of the API it is a form of: its
// policy is the screen's.
type Screen struct {
	Pattern string
	Method  string
	Handle  Handler
	// Streams: the answer comes bit by bit. Its progress would wait for a compressor.
	Streams bool
	// Unbounded: it goes on as long as there are rows.
	Unbounded bool
}

// Page is a screen that answers at once.
func Page(pattern, method string, handle Handler) Screen {
	return Screen{Pattern: pattern, Method: method, Handle: handle}
}

// Stream is a screen that shows how far it is.
func Stream(pattern, method string, handle Handler) Screen {
	return Screen{Pattern: pattern, Method: method, Handle: handle, Streams: true}
}

// Export is a file of as many rows as there are.
func Export(pattern, method string, handle Handler) Screen {
	return Screen{Pattern: pattern, Method: method, Handle: handle, Streams: true, Unbounded: true}
}

// Services are what the screens reach.
type Services struct {
	Predictions futurisysv1.PredictionServiceClient
	Models      *Models
	Employees   futurisysv1.EmployeeServiceClient          // nil without a database
	History     futurisysv1.PredictionHistoryServiceClient // nil without a database
	Audit       futurisysv1.AuditServiceClient             // nil without a database
	Access      futurisysv1.AccessServiceClient            // nil without a database
	Status      futurisysv1.StatusServiceServer
}

// Site is the page around each screen, and what the screens reach. It may be used by many
// goroutines at once.
type Site struct {
	Services

	Log *slog.Logger
	// Texts are in all languages.
	Texts *texts.Catalogue
	// Assets are the addresses of the static files, by name.
	Assets map[string]string
	// Gate knows who may see what, by the policies of the methods; nil: everybody all.
	Gate     *access.Gate
	Policies policy.Policies
}

// HasDatabase says whether there are screens that need one.
func (site *Site) HasDatabase() bool { return site.Employees != nil }

// Render writes a page, or only its part where htmx asks for that.
func (site *Site) Render(v *View, w http.ResponseWriter, r *http.Request, status int, title string, part templ.Component) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	if !v.Partial {
		part = layout(v, title, part)
	}
	if err := part.Render(r.Context(), w); err != nil {
		site.Log.DebugContext(r.Context(), "write a page", "error", err) // the reader went away
	}
}

// NotFound answers that there is no such page.
func (site *Site) NotFound(v *View, w http.ResponseWriter, r *http.Request) {
	site.Render(v, w, r, http.StatusNotFound, v.T("not_found_title"), notFoundPart(v))
}
