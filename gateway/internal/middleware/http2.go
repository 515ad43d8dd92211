package middleware

import "net/http"

// NoHTTP2 says to a client that speaks HTTP/2 without TLS from its first byte (h2c) that it is
// not spoken here. net/http hands its preface on as a request of method PRI.
func NoHTTP2(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor > 1 {
			http.Error(w, "HTTP/2 without TLS is not served: use HTTP/1.1", http.StatusHTTPVersionNotSupported)
			return
		}
		next.ServeHTTP(w, r)
	})
}
