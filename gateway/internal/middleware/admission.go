package middleware

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/futurisys/futurisys/gateway/internal/routes"
	"github.com/futurisys/futurisys/proto/policy"
	"github.com/futurisys/futurisys/services/platform/inflight"
)

const (
	// bodyBytes is how much large bodies may be together; one that is larger comes alone. Of
	// each several times as much is made.
	bodyBytes = 16 << 20
	// smallBody is the body that does not count: a large one must not shut out single rows.
	smallBody = 64 << 10
)

// Admission refuses requests beyond so many at once, and large bodies beyond bodyBytes: each
// counts with its length, or where that is not known with what its route takes. Probes are
// answered also at the limit.
func Admission(registry prometheus.Registerer, limit int, fail Fail) Middleware {
	requests, bodies := inflight.New(int64(limit)), inflight.New(bodyBytes)
	inflight.Register(registry, map[string]*inflight.Limit{"requests": requests, "body_bytes": bodies})
	refuse := func(w http.ResponseWriter, r *http.Request, err error) {
		fail(w, r, err)
		drain(w, r.Body) // or who is still sending finds the connection reset, and not when to come again
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			route, served := routes.From(r.Context())
			if !served { // a probe, or nothing
				next.ServeHTTP(w, r)
				return
			}
			release, err := requests.Acquire(1)
			if err != nil {
				refuse(w, r, err)
				return
			}
			defer release()
			if r.ContentLength < 0 || r.ContentLength > smallBody {
				size := policy.MaxRequestBytes(route.Policy)
				if r.ContentLength > 0 {
					size = min(size, r.ContentLength)
				}
				free, err := bodies.Acquire(size)
				if err != nil {
					refuse(w, r, err)
					return
				}
				defer free()
			}
			next.ServeHTTP(w, r)
		})
	}
}
