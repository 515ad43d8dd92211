package middleware

import (
	"net"
	"net/http"
	"slices"
	"strings"

	"github.com/futurisys/futurisys/services/platform/apierr"
	"github.com/futurisys/futurisys/services/platform/config"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// Host refuses requests for hosts other than those. Another site's page may give its own
// name the address of this machine, and would then read our answers as if they were its own
// (DNS rebinding). Without a list only names of this machine are served where the server
// listens at one, and all otherwise.
func Host(addr string, allowed []string, fail Fail) Middleware {
	serves := func(host string) bool {
		return slices.ContainsFunc(allowed, func(name string) bool { return strings.EqualFold(name, host) })
	}
	switch {
	case len(allowed) == 0 && config.IsLoopback(addr):
		serves = isOwn
	case len(allowed) == 0:
		serves = func(string) bool { return true }
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if host := hostname(r.Host); !serves(host) && !isProbe(r.URL.Path) { // who watches names an address
				fail(w, r, apierr.New(futurisysv1.ErrorReason_ERROR_REASON_HOST_NOT_ALLOWED, "host", host))
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

// hostname is a Host header without its port.
func hostname(given string) string {
	if host, _, err := net.SplitHostPort(given); err == nil {
		given = host
	}
	return strings.ToLower(strings.Trim(given, "[]"))
}

// isOwn says whether a name always stands for this machine.
func isOwn(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || ip != nil && ip.IsLoopback()
}
