// Package middleware holds what every HTTP request passes through, a file per
// concern.
package middleware

import "net/http"

// Middleware wraps a handler.
type Middleware func(http.Handler) http.Handler

// Chain wraps a handler; the first middleware sees a request first.
func Chain(handler http.Handler, all ...Middleware) http.Handler {
	for i := len(all) - 1; i >= 0; i-- {
		handler = all[i](handler)
	}
	return handler
}
