package middleware

import (
	"context"
	"net/http"

	"github.com/futurisys/futurisys/gateway/internal/routes"
	"github.com/futurisys/futurisys/services/platform/access"
	"github.com/futurisys/futurisys/services/platform/apierr"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// Authenticate finds out who a request is from, and refuses those whose route asks for more
// than he may, and those beyond his rate. What has no policy, as the documentation, is for everybody.
// signedIn is a context of whom a request's browser is signed in as.
func Authenticate(gate *access.Gate, signedIn func(context.Context, *http.Request) context.Context, fail Fail) Middleware {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if isProbe(r.URL.Path) || isPart(r.URL.Path) { // for everybody, and not counted; so no key is tried here
				next.ServeHTTP(w, r)
				return
			}
			ctx, err := gate.Identify(r.Context(), r.Header.Get("Authorization"))
			switch {
			case err != nil:
				ctx = access.Anonymous(r.Context())
			case !gate.Open() && access.From(ctx) == nil:
				ctx = signedIn(ctx, r)
			}
			route, served := routes.From(r.Context())
			if limited := gate.Take(ctx, r.RemoteAddr); limited != nil {
				err = limited // also who is not known: guessing a key is one request each
			} else if err == nil && served {
				err = gate.AllowMethod(ctx, route.FullMethod)
			}
			if err != nil {
				if apierr.ReasonOf(err) == futurisysv1.ErrorReason_ERROR_REASON_UNAUTHENTICATED {
					w.Header().Set("WWW-Authenticate", `Bearer realm="futurisys"`)
				}
				fail(w, r.WithContext(ctx), err) // the page of a refusal is that of its reader
				return
			}
			next.ServeHTTP(w, r.WithContext(ctx))
		})
	}
}
