package middleware

import (
	"net/http"

	"github.com/futurisys/futurisys/gateway/internal/routes"
	"github.com/futurisys/futurisys/services/platform/access"
	"github.com/futurisys/futurisys/services/platform/apierr"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// Authenticate finds out who a request is from, and refuses those whose route asks for more
// than he may, and those beyond his rate. What has no policy, as the documentation, is for everybody.
// signedIn is the credential of whom a request's browser is signed in as; "": nobody.
func Authenticate(gate *access.Gate, signedIn func(*http.Request) string, fail Fail) Middleware {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r, err := identify(gate, signedIn, r)
			if route, served := routes.From(r.Context()); served {
				if limited := gate.Take(r.Context(), r.RemoteAddr); limited != nil {
					err = limited // also who is not known: guessing a key is one request each
				} else if err == nil {
					err = gate.Allow(r.Context(), route.Policy.GetPermission())
				}
			}
			if err != nil {
				if apierr.ReasonOf(err) == futurisysv1.ErrorReason_ERROR_REASON_UNAUTHENTICATED {
					w.Header().Set("WWW-Authenticate", `Bearer realm="futurisys"`)
				}
				fail(w, r, err)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

// identify returns a request with whom it is from; with an error nobody is.
func identify(gate *access.Gate, signedIn func(*http.Request) string, r *http.Request) (*http.Request, error) {
	ctx, err := gate.Identify(r.Context(), r.Header.Get("Authorization"))
	if err != nil {
		return r, err //nolint:wrapcheck // what the caller gets
	}
	if credential := signedIn(r); access.From(ctx) == nil && credential != "" {
		// One that was revoked since is nobody: he may sign in again.
		if known, err := gate.Identify(r.Context(), "Bearer "+credential); err == nil {
			ctx = known
		}
	}
	return r.WithContext(ctx), nil
}
