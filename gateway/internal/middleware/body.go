package middleware

import (
	"mime"
	"net/http"
	"strings"

	"github.com/futurisys/futurisys/gateway/internal/routes"
	"github.com/futurisys/futurisys/proto/policy"
	"github.com/futurisys/futurisys/services/platform/apierr"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// Body bounds the bodies of requests by the policies of their routes, and refuses what is
// neither JSON nor, where a form is taken, a form. What is not served is not looked at:
// that it is not is what the caller must know.
func Body(fail Fail) Middleware {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			route, served := routes.From(r.Context())
			limit := policy.MaxRequestBytes(route.Policy)
			if r.ContentLength > limit {
				fail(w, r, apierr.New(futurisysv1.ErrorReason_ERROR_REASON_TOO_LARGE, "max", limit))
				return
			}
			r.Body = http.MaxBytesReader(w, r.Body, limit)
			if served && !route.Form && r.ContentLength != 0 && !isJSON(r.Header.Get("Content-Type")) {
				fail(w, r, apierr.New(futurisysv1.ErrorReason_ERROR_REASON_UNSUPPORTED_MEDIA_TYPE, "expected", "application/json"))
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
