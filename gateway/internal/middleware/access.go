package middleware

import (
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/futurisys/futurisys/gateway/internal/routes"
	"github.com/futurisys/futurisys/proto/catalogue"
	"github.com/futurisys/futurisys/services/platform/apierr"
)

// Access logs a line about each request, with what went wrong. It names the route and not
// the path, which may say whom the request is about. With all false only what fails
// through no fault of the caller is logged.
func Access(log *slog.Logger, all bool) Middleware {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			start, seen := time.Now(), &answer{ResponseWriter: w, code: http.StatusOK}
			defer func() { //nolint:contextcheck // the request carries it
				route, _ := routes.From(r.Context())
				level := accessLevel(seen.failure(), r.URL.Path)
				if level < slog.LevelWarn && !all {
					return
				}
				line := []slog.Attr{
					slog.String("method", knownMethod(r.Method)), slog.String("route", route.Pattern), slog.Int("code", seen.code),
					slog.Int64("bytes", seen.bytes), slog.Duration("duration", time.Since(start)),
				}
				if seen.err != nil {
					told, _ := apierr.Hide(seen.err)
					line = append(line, slog.String("reason", catalogue.Name(apierr.ReasonOf(told))))
				}
				if seen.err != nil && level >= slog.LevelWarn {
					line = append(line, slog.Any("error", seen.err))
				}
				log.LogAttrs(r.Context(), level, "request", line...)
			}()
			next.ServeHTTP(seen, r)
		})
	}
}

func isProbe(path string) bool { return path == "/healthz" || path == "/readyz" }

// isPart says whether a path is of what the dashboard's pages consist of besides themselves: a
// page is one request of its reader's.
func isPart(path string) bool { return strings.HasPrefix(path, "/ui/static/") }

// knownMethod is a method of HTTP as it is, and what a caller made up as "unknown".
func knownMethod(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodConnect, http.MethodOptions, http.MethodTrace:
		return method
	}
	return "unknown"
}

// accessLevel is how much of an operator's business an answer is. Probes, and the parts of
// pages, come all the time.
func accessLevel(code int, path string) slog.Level {
	switch {
	case isProbe(path): // that a process is not ready is logged when it changes
		return slog.LevelDebug
	case code == http.StatusInternalServerError:
		return slog.LevelError
	case code > http.StatusInternalServerError:
		return slog.LevelWarn
	case isPart(path):
		return slog.LevelDebug
	}
	return slog.LevelInfo
}

// NoteError tells the access log why a request failed.
func NoteError(w http.ResponseWriter, err error) {
	for {
		switch known := w.(type) {
		case *answer:
			known.err = err
			return
		case interface{ Unwrap() http.ResponseWriter }:
			w = known.Unwrap()
		default:
			return
		}
	}
}

// answer is an answer that knows what was answered.
type answer struct {
	http.ResponseWriter

	code  int
	bytes int64
	err   error
}

// failure is the code that was sent, or the one of what ended an answer later: a page that
// shows how far it is begins with 200.
func (a *answer) failure() int {
	if a.err != nil && a.code == http.StatusOK {
		return HTTPCode(a.err)
	}
	return a.code
}

// WriteHeader sends the code.
func (a *answer) WriteHeader(code int) {
	a.code = code
	a.ResponseWriter.WriteHeader(code)
}

// Write sends a part of the body.
func (a *answer) Write(data []byte) (int, error) {
	n, err := a.ResponseWriter.Write(data)
	a.bytes += int64(n)
	return n, err //nolint:wrapcheck // net/http's own
}

// Flush sends what is written so far.
func (a *answer) Flush() { _ = http.NewResponseController(a.ResponseWriter).Flush() }

// Unwrap is for http.ResponseController.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }
