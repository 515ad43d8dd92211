package middleware

import (
	"net/http"

	"github.com/futurisys/futurisys/services/platform/apierr"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// Origin refuses what a browser sends on behalf of another site's page, if it would
// change anything: nobody's session may be used from elsewhere. Programs, which send no
// origin, are not concerned.
func Origin(fail Fail) Middleware {
	protection := http.NewCrossOriginProtection()
	protection.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fail(w, r, apierr.New(futurisysv1.ErrorReason_ERROR_REASON_CROSS_ORIGIN))
	}))
	return protection.Handler
}
