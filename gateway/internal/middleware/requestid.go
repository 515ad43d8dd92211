package middleware

import (
	"net/http"

	"github.com/futurisys/futurisys/services/platform/requestid"
)

// RequestID names each request, as its caller does or anew, and answers with the name.
func RequestID(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := requestid.Choose(r.Header.Get(requestid.Header))
		w.Header().Set(requestid.Header, id)
		next.ServeHTTP(w, r.WithContext(requestid.With(r.Context(), id)))
	})
}
