package middleware

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
)

// Guard turns a panic into an error that shows nothing, and logs it.
func Guard(log *slog.Logger, fail Fail) Middleware {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			defer func() { //nolint:contextcheck // the request carries it
				panicked := recover()
				if panicked == nil {
					return
				}
				if err, ok := panicked.(error); ok && errors.Is(err, http.ErrAbortHandler) {
					panic(panicked) // net/http's own way to cut a connection
				}
				log.ErrorContext(r.Context(), "request failed", "method", knownMethod(r.Method), "panic", panicked, "stack", string(debug.Stack()))
				fail(w, r, fmt.Errorf("panic: %v", panicked))
			}()
			next.ServeHTTP(w, r)
		})
	}
}
