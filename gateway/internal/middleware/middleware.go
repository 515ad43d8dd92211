// Package middleware holds what every HTTP request passes through, a file per
// concern.
package middleware

import (
	"net/http"
	"slices"
)

// Middleware wraps a handler.
type Middleware func(http.Handler) http.Handler

// Chain wraps a handler; the first middleware sees a request first.
func Chain(handler http.Handler, all ...Middleware) http.Handler {
	for _, a := range slices.Backward(all) {
		handler = a(handler)
	}
	return handler
}
