package middleware

import (
	"net/http"

	"github.com/futurisys/futurisys/gateway/internal/routes"
)

// Route lets what follows know the route of a request, and with it its policy. A path
// that is nobody's has none.
func Route(find func(*http.Request) (routes.Route, bool)) Middleware {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if route, ok := find(r); ok {
				r = r.WithContext(routes.With(r.Context(), route))
			}
			next.ServeHTTP(w, r)
		})
	}
}
