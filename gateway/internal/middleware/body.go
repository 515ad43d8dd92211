package middleware

import (
	"mime"
	"net/http"
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

// Body bounds the bodies of requests and refuses what is neither JSON nor, for
// the import, a form.
func Body(limits Limits, importPath string, fail func(http.ResponseWriter, error)) Middleware {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			limit := limits.JSON
			switch {
			case r.URL.Path == importPath:
				limit = limits.Import
			case strings.HasSuffix(r.URL.Path, ":batchPredict"):
				limit = limits.Batch
			}
			if r.ContentLength > limit {
				fail(w, apierr.New(codes.ResourceExhausted, futurisysv1.ErrorReason_ERROR_REASON_TOO_LARGE,
					"the body has %d bytes, at most %d are taken", r.ContentLength, limit))
				return
			}
			r.Body = http.MaxBytesReader(w, r.Body, limit)
			if r.URL.Path != importPath && r.ContentLength != 0 && !isJSON(r.Header.Get("Content-Type")) {
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
