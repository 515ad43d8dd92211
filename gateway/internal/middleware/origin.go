package middleware

import (
	"net/http"
	"strings"

	"github.com/futurisys/futurisys/services/platform/apierr"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// Origin refuses what a browser sends on behalf of another site's page, if it would
// change anything: nobody's session may be used from elsewhere. Programs, which send no
// origin, are not concerned, nor are the API's callers of allowed origins.
func Origin(allowed []string, fail Fail) Middleware {
	protection, shared := http.NewCrossOriginProtection(), http.NewCrossOriginProtection()
	for _, origin := range allowed {
		if err := shared.AddTrustedOrigin(origin); err != nil {
			panic(err) // the settings were checked
		}
	}
	refuse := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fail(w, r, apierr.New(futurisysv1.ErrorReason_ERROR_REASON_CROSS_ORIGIN))
	})
	protection.SetDenyHandler(refuse)
	shared.SetDenyHandler(refuse)
	return func(next http.Handler) http.Handler {
		own, api := protection.Handler(next), shared.Handler(next)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(r.URL.Path, apiPrefix) {
				api.ServeHTTP(w, r)
				return
			}
			own.ServeHTTP(w, r)
		})
	}
}
