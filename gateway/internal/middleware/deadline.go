package middleware

import (
	"context"
	"net/http"
	"time"

	"github.com/futurisys/futurisys/gateway/internal/routes"
	"github.com/futurisys/futurisys/proto/policy"
)

// Deadline bounds how long a request may take; what it calls gets what is left. limit is
// the time of an ordinary method; one whose policy gives it more or less has it in
// proportion. An answer without bounds sees to its own time.
func Deadline(limit time.Duration) Middleware {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			route, _ := routes.From(r.Context())
			if route.Unbounded {
				next.ServeHTTP(w, r)
				return
			}
			allowed := time.Duration(float64(limit) * policy.Deadline(route.Policy).Seconds() / policy.DefaultDeadline.Seconds())
			ctx, cancel := context.WithTimeout(r.Context(), allowed)
			defer cancel()
			next.ServeHTTP(w, r.WithContext(ctx))
		})
	}
}
