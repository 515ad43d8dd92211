package middleware

import (
	"mime"
	"net/http"
	"slices"
	"strings"

	"google.golang.org/grpc/codes"

	"github.com/futurisys/futurisys/services/platform/apierr"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// Limits are the largest bodies that are taken, in bytes.
type Limits struct {
	JSON   int64 // of most routes
	Batch  int64 // of batchPredict: 10,000 rows are about 8 MB
	Import int64 // of the import's form
}

// DefaultLimits are the limits of the gateway.
func DefaultLimits() Limits {
	return Limits{JSON: 1 << 20, Batch: 16 << 20, Import: 65 << 20}
}

// Work says what kind of work a path is, where it is not an ordinary call.
type Work struct {
	Import []string // paths that take an import's form, and its time
	Batch  []string // paths that take a file of many rows, and the time of an import
	Export []string // paths whose answer goes on as long as there are rows; each step has its own time
	Forms  string   // prefix below which bodies are a browser's forms, not JSON
}

func (l Limits) of(work Work, path string) int64 {
	switch {
	case slices.Contains(work.Import, path):
		return l.Import
	case slices.Contains(work.Batch, path), strings.HasSuffix(path, ":batchPredict"):
		return l.Batch
	}
	return l.JSON
}

// form says whether a path takes a form.
func (w Work) form(path string) bool {
	return slices.Contains(w.Import, path) || w.Forms != "" && strings.HasPrefix(path, w.Forms)
}

// Body bounds the bodies of requests and refuses what is neither JSON nor, where a form
// is taken, a form.
func Body(limits Limits, work Work, fail func(http.ResponseWriter, error)) Middleware {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			limit := limits.of(work, r.URL.Path)
			if r.ContentLength > limit {
				fail(w, apierr.New(codes.ResourceExhausted, futurisysv1.ErrorReason_ERROR_REASON_TOO_LARGE,
					"the body has %d bytes, at most %d are taken", r.ContentLength, limit))
				return
			}
			r.Body = http.MaxBytesReader(w, r.Body, limit)
			if !work.form(r.URL.Path) && r.ContentLength != 0 && !isJSON(r.Header.Get("Content-Type")) {
				fail(w, apierr.New(codes.InvalidArgument, futurisysv1.ErrorReason_ERROR_REASON_UNSUPPORTED_MEDIA_TYPE,
					"the body must be application/json"))
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

func isJSON(contentType string) bool {
	if contentType == "" {
		return true // curl users forget it; the body is read as JSON in any case
	}
	kind, parameters, err := mime.ParseMediaType(contentType)
	charset := strings.ToLower(parameters["charset"])
	return err == nil && kind == "application/json" && (charset == "" || charset == "utf-8")
}
