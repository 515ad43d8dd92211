package mux_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// A condition of HTTP is the request's etag, wherever the method has it.
func TestIfMatchIsTheEtag(t *testing.T) {
	s, handler := open(t, true)
	ask := func(method, path, body, ifMatch string) *httptest.ResponseRecorder {
		s.last = nil
		request := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
		request.Header.Set("If-Match", ifMatch)
		recorder := httptest.NewRecorder()
		handler.ServeHTTP(recorder, request)
		return recorder
	}
	for _, test := range []struct{ method, path, body string }{
		{http.MethodDelete, "/v1/employees/4", ""},
		{http.MethodDelete, "/v1/employees/4?etag=1-2", ""},
		{http.MethodPatch, "/v1/employees/4", `{"profile": {"age": 41}}`},
		{http.MethodPatch, "/v1/employees/4", ` { "etag": "1-2", "profile": {"age": 41}}`},
		{http.MethodPatch, "/v1/employees/4", `{}`},
	} {
		got := ask(test.method, test.path, test.body, `"1-2"`)
		etag := ""
		switch request := s.last.(type) {
		case *futurisysv1.DeleteEmployeeRequest:
			etag = request.GetEtag()
		case *futurisysv1.UpdateEmployeeRequest:
			etag = request.GetEmployee().GetEtag()
		}
		if got.Code != http.StatusOK || etag != "1-2" {
			t.Errorf("%s %s %s: got %d %s, and the etag is %q", test.method, test.path, test.body, got.Code, got.Body, etag)
		}
		if test.method == http.MethodPatch && got.Header().Get("ETag") != `"1-2"` {
			t.Errorf("the answer's etag is %s", got.Header().Get("ETag"))
		}
	}
	for name, test := range map[string]struct{ method, path, body, ifMatch string }{
		"another in the query": {http.MethodDelete, "/v1/employees/4?etag=1-3", "", `"1-2"`},
		"another in the body":  {http.MethodPatch, "/v1/employees/4", `{"etag": "1-3"}`, `"1-2"`},
		"no quotes":            {http.MethodDelete, "/v1/employees/4", "", "1-2"},
		"a weak one":           {http.MethodDelete, "/v1/employees/4", "", `W/"1-2"`},
		"two":                  {http.MethodDelete, "/v1/employees/4", "", `"1-2", "1-3"`},
		"where none is":        {http.MethodPost, "/v1/models/a:predict", "{}", `"1-2"`},
		"a field twice":        {http.MethodPatch, "/v1/employees/4", `{"profile": {}, "profile": {}}`, `"1-2"`},
	} {
		if got := ask(test.method, test.path, test.body, test.ifMatch); got.Code != http.StatusBadRequest || s.last != nil {
			t.Errorf("%s: got %d %s", name, got.Code, got.Body)
		}
	}
	if got := ask(http.MethodDelete, "/v1/employees/4", "", "*"); got.Code != http.StatusOK {
		t.Errorf("whatever it is: got %d %s", got.Code, got.Body)
	}
}
