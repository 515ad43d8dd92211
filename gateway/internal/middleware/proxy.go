package middleware

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// Proxies answers nobody but the proxies of some addresses, which speak HTTPS with callers,
// and takes the caller's address from them. Without any it believes nobody. Probes, which come
// from the machine or the cluster itself, are answered to all.
func Proxies(trusted []string) Middleware {
	if len(trusted) == 0 {
		return func(next http.Handler) http.Handler { return next }
	}
	var ranges []netip.Prefix
	for _, given := range trusted {
		ranges = append(ranges, netip.MustParsePrefix(given)) // the settings were checked
	}
	isTrusted := func(address string) bool {
		ip, err := netip.ParseAddr(address)
		return err == nil && slices.ContainsFunc(ranges, func(r netip.Prefix) bool { return r.Contains(ip.Unmap()) })
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			host, port, err := net.SplitHostPort(r.RemoteAddr)
			if (err != nil || !isTrusted(host)) && !isProbe(r.URL.Path) {
				http.Error(w, "only the proxies of GATEWAY_TRUSTED_PROXIES are answered", http.StatusForbidden)
				return
			}
			// Each proxy adds at the end whom it has the request from; what stands before the
			// first that is not ours anybody may have written.
			forwarded := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
			for _, hop := range slices.Backward(forwarded) {
				address, known := hopAddress(strings.TrimSpace(hop))
				if !known {
					break
				}
				r.RemoteAddr = net.JoinHostPort(address, port)
				if !isTrusted(address) {
					break
				}
			}
			next.ServeHTTP(w, r)
		})
	}
}

// hopAddress is the address of an entry, which some proxies write with a port, or in brackets.
func hopAddress(entry string) (address string, known bool) {
	if withPort, err := netip.ParseAddrPort(entry); err == nil {
		return withPort.Addr().String(), true
	}
	ip, err := netip.ParseAddr(strings.Trim(entry, "[]"))
	return ip.String(), err == nil
}
