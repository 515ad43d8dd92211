package middleware

import (
	"net/http"
	"strings"

	"github.com/rs/cors"

	"github.com/futurisys/futurisys/services/platform/requestid"
)

// apiPrefix is where the paths of the API begin.
const apiPrefix = "/v1/"

// corsMaxAge is for how many seconds a browser may keep what it was told.
const corsMaxAge = 600

// CORS lets pages of some origins call the API, with a key in their headers; without any, as
// browsers have it, none may. The dashboard is for its own pages alone.
func CORS(origins []string) Middleware {
	if len(origins) == 0 {
		return func(next http.Handler) http.Handler { return next }
	}
	policy := cors.New(cors.Options{
		AllowedOrigins: origins,
		AllowedMethods: []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete},
		AllowedHeaders: []string{"Authorization", "Content-Type", IdempotencyKeyHeader, "If-Match", requestid.Header},
		ExposedHeaders: []string{"Etag", "Retry-After", requestid.Header},
		MaxAge:         corsMaxAge,
	})
	return func(next http.Handler) http.Handler {
		shared := policy.Handler(next)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(r.URL.Path, apiPrefix) {
				shared.ServeHTTP(w, r)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}
