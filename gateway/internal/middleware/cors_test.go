package middleware_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/futurisys/futurisys/gateway/internal/middleware"
)

// Pages of listed origins may call the API, and nothing else of ours; others may not, whatever
// they ask for.
func TestOnlyListedOriginsCallTheAPI(t *testing.T) {
	const listed, other = "https://hr.example.com", "https://hr.example.com.evil.example"
	handler := func(origins ...string) http.Handler {
		return middleware.Chain(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), middleware.CORS(origins), middleware.Origin(origins, fail))
	}
	ask := func(h http.Handler, method, path, origin string, preflight bool) *httptest.ResponseRecorder {
		request := httptest.NewRequestWithContext(t.Context(), method, "http://example.com"+path, http.NoBody)
		request.Header.Set("Origin", origin)
		request.Header.Set("Sec-Fetch-Site", "cross-site")
		if preflight {
			request.Header.Set("Access-Control-Request-Method", http.MethodPost)
			request.Header.Set("Access-Control-Request-Headers", "authorization,content-type")
		}
		recorder := httptest.NewRecorder()
		h.ServeHTTP(recorder, request)
		return recorder
	}
	for name, test := range map[string]struct {
		handler               http.Handler
		method, path, origin  string
		preflight             bool
		code                  int
		allowed, allowsSecret string
	}{
		"a listed page asks whether it may": {handler(listed), http.MethodOptions, "/v1/models", listed, true, 204, listed, ""},
		"and calls":                         {handler(listed), http.MethodPost, "/v1/models", listed, false, 200, listed, ""},
		"another page asks":                 {handler(listed), http.MethodOptions, "/v1/models", other, true, 204, "", ""},
		"and calls all the same":            {handler(listed), http.MethodPost, "/v1/models", other, false, 418, "", ""},
		"a listed page at the dashboard":    {handler(listed), http.MethodPost, "/ui/sign-out", listed, false, 418, "", ""},
		"where none is listed":              {handler(), http.MethodPost, "/v1/models", listed, false, 418, "", ""},
	} {
		got := ask(test.handler, test.method, test.path, test.origin, test.preflight)
		if got.Code != test.code || got.Header().Get("Access-Control-Allow-Origin") != test.allowed || got.Header().Get("Access-Control-Allow-Credentials") != test.allowsSecret {
			t.Errorf("%s: got %d %v", name, got.Code, got.Header())
		}
	}
}
