package middleware

import (
	"context"
	"net/http"
	"time"
)

// Deadline bounds how long a request may take; what it calls gets what is left.
// The import has ten times as long.
func Deadline(limit time.Duration, importPath string) Middleware {
	const importFactor = 10
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			allowed := limit
			if r.URL.Path == importPath {
				allowed *= importFactor
			}
			ctx, cancel := context.WithTimeout(r.Context(), allowed)
			defer cancel()
			next.ServeHTTP(w, r.WithContext(ctx))
		})
	}
}
