package middleware_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/futurisys/futurisys/gateway/internal/middleware"
)

// What a proxy of ours says of the caller's address is believed, and nothing that others wrote
// before it; nobody else is answered but who watches.
func TestOnlyProxiesAreBelieved(t *testing.T) {
	var seen string
	handler := middleware.Chain(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen = r.RemoteAddr }),
		middleware.Proxies([]string{"10.0.0.0/8", "fd00::/8"}))
	for name, test := range map[string]struct {
		from, path string
		forwarded  []string
		code       int
		want       string
	}{
		"a proxy":                {"10.1.2.3:80", "/", []string{"192.0.2.1"}, 200, "192.0.2.1:80"},
		"two proxies":            {"10.1.2.3:80", "/", []string{"192.0.2.1, 10.9.9.9"}, 200, "192.0.2.1:80"},
		"two lines":              {"10.1.2.3:80", "/", []string{"192.0.2.1", "10.9.9.9"}, 200, "192.0.2.1:80"},
		"a caller who lies":      {"10.1.2.3:80", "/", []string{"198.51.100.7, 192.0.2.1"}, 200, "192.0.2.1:80"},
		"with a port":            {"10.1.2.3:80", "/", []string{"192.0.2.1:443"}, 200, "192.0.2.1:80"},
		"IPv6 in brackets":       {"10.1.2.3:80", "/", []string{"[2001:db8::1]"}, 200, "[2001:db8::1]:80"},
		"no address":             {"10.1.2.3:80", "/", []string{"192.0.2.1, unknown"}, 200, "10.1.2.3:80"},
		"a proxy by itself":      {"10.1.2.3:80", "/", nil, 200, "10.1.2.3:80"},
		"IPv6":                   {"[fd00::1]:80", "/", []string{"2001:db8::1"}, 200, "[2001:db8::1]:80"},
		"an IPv4 in IPv6":        {"[::ffff:10.1.2.3]:80", "/", []string{"192.0.2.1"}, 200, "192.0.2.1:80"},
		"somebody else":          {"192.0.2.1:80", "/", []string{"10.1.2.3"}, 403, ""},
		"somebody else's probe":  {"192.0.2.1:80", "/readyz", nil, 200, "192.0.2.1:80"},
		"an address of no sense": {"@", "/", nil, 403, ""},
	} {
		seen = ""
		request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, test.path, http.NoBody)
		request.RemoteAddr = test.from
		request.Header["X-Forwarded-For"] = test.forwarded
		recorder := httptest.NewRecorder()
		handler.ServeHTTP(recorder, request)
		if recorder.Code != test.code || seen != test.want {
			t.Errorf("%s: got %d, %q", name, recorder.Code, seen)
		}
	}
}
