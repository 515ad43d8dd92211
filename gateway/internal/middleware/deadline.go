package middleware

import (
	"context"
	"net/http"
	"slices"
	"time"
)

// Deadline bounds how long a request may take; what it calls gets what is left.
// Imports and files of many rows have ten times as long; an export sees to its own time.
func Deadline(limit time.Duration, work Work) Middleware {
	const longFactor = 10
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if slices.Contains(work.Export, r.URL.Path) {
				next.ServeHTTP(w, r)
				return
			}
			allowed := limit
			if slices.Contains(work.Import, r.URL.Path) || slices.Contains(work.Batch, r.URL.Path) {
				allowed *= longFactor
			}
			ctx, cancel := context.WithTimeout(r.Context(), allowed)
			defer cancel()
			next.ServeHTTP(w, r.WithContext(ctx))
		})
	}
}
