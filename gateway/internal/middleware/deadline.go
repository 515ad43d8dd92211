package middleware

import (
	"context"
	"net/http"
	"time"

	"github.com/futurisys/futurisys/gateway/internal/routes"
	"github.com/futurisys/futurisys/proto/policy"
)

const (
	// readMargin is how much longer than its call a body may take: net/http takes a
	// connection that can be read no more for a caller who has gone.
	readMargin = time.Second
	// writeTime is how long an answer that was ready in time may take to be handed over.
	writeTime = 30 * time.Second
)

// Deadline bounds how long a request may take; what it calls gets what is left. limit is
// the time of an ordinary method; one whose policy gives it more or less has it in
// proportion. An answer without bounds sees to its own time.
func Deadline(limit time.Duration) Middleware {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			route, _ := routes.From(r.Context())
			// Who sends or takes byte by byte would hold the connection for ever. A writer
			// without deadlines is one of a test.
			connection := http.NewResponseController(w)
			if route.Unbounded {
				_ = connection.SetWriteDeadline(time.Time{}) // that of the connection's request before
				next.ServeHTTP(w, r)
				return
			}
			allowed := time.Duration(float64(limit) * policy.Deadline(route.Policy).Seconds() / policy.DefaultDeadline.Seconds())
			ctx, cancel := context.WithTimeout(r.Context(), allowed)
			defer cancel()
			end := time.Now().Add(allowed)
			_ = connection.SetReadDeadline(end.Add(readMargin))
			_ = connection.SetWriteDeadline(end.Add(writeTime))
			next.ServeHTTP(w, r.WithContext(ctx))
		})
	}
}
