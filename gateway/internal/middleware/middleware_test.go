package middleware_test

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/futurisys/futurisys/gateway/internal/middleware"
	"github.com/futurisys/futurisys/gateway/internal/routes"
	"github.com/futurisys/futurisys/services/platform/apierr"
	"github.com/futurisys/futurisys/services/platform/requestid"
	"github.com/futurisys/futurisys/services/platform/telemetry"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

const importPath = "/v1/employees:import"

// byPath gives requests the routes of these tests.
func byPath(t *testing.T) middleware.Middleware {
	t.Helper()
	all := map[string]routes.Route{
		"/v1/batch":  {Policy: &futurisysv1.Policy{MaxRequestBytes: 20}},
		importPath:   {Policy: &futurisysv1.Policy{MaxRequestBytes: 30, Deadline: durationpb.New(300 * time.Second)}, Form: true},
		"/v1/x":      {Policy: &futurisysv1.Policy{MaxRequestBytes: 10}},
		"/ui/x":      {Policy: &futurisysv1.Policy{MaxRequestBytes: 10}, Form: true},
		"/ui/export": {Policy: &futurisysv1.Policy{}, Unbounded: true},
	}
	return middleware.Route(func(r *http.Request) (routes.Route, bool) {
		route, ok := all[r.URL.Path]
		return route, ok
	})
}

// fail notes the error where a test can read it.
func fail(w http.ResponseWriter, _ *http.Request, err error) {
	w.WriteHeader(http.StatusTeapot)
	_, _ = io.WriteString(w, err.Error())
}

func serve(t *testing.T, handler http.Handler, method, target, contentType, body string) *httptest.ResponseRecorder {
	t.Helper()
	request := httptest.NewRequestWithContext(t.Context(), method, "/", strings.NewReader(body))
	path, query, _ := strings.Cut(target, "?")
	request.URL.Path, request.URL.RawQuery = path, query
	request.Header.Set("Content-Type", contentType)
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, request)
	return recorder
}

func TestBodyIsBoundedByRoute(t *testing.T) {
	read := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.ReadAll(r.Body); err != nil {
			fail(w, r, err)
		}
	})
	handler := middleware.Chain(read, byPath(t), middleware.Body(fail))
	for name, test := range map[string]struct {
		path, contentType string
		size, want        int
	}{
		"JSON at its limit":       {"/v1/x", "application/json", 10, 200},
		"JSON over it":            {"/v1/x", "application/json", 11, 418},
		"batch at its limit":      {"/v1/batch", "application/json", 20, 200},
		"batch over it":           {"/v1/batch", "application/json", 21, 418},
		"form at its limit":       {importPath, "multipart/form-data; boundary=x", 30, 200},
		"form over it":            {importPath, "multipart/form-data; boundary=x", 31, 418},
		"JSON with its charset":   {"/v1/x", "application/json; charset=UTF-8", 5, 200},
		"JSON in another one":     {"/v1/x", "application/json; charset=latin1", 5, 418},
		"a form where JSON goes":  {"/v1/x", "application/x-www-form-urlencoded", 5, 418},
		"a form below its place":  {"/ui/x", "application/x-www-form-urlencoded", 10, 200},
		"a long form there":       {"/ui/x", "application/x-www-form-urlencoded", 11, 418},
		"a path that is nobody's": {"/elsewhere", "application/json", 1<<20 + 1, 418},
		"no type":                 {"/v1/x", "", 5, 200},
	} {
		if got := serve(t, handler, http.MethodPost, test.path, test.contentType, strings.Repeat("x", test.size)); got.Code != test.want {
			t.Errorf("%s: got %d %s", name, got.Code, got.Body)
		}
	}
}

func TestURLMustBeText(t *testing.T) {
	handler := middleware.Chain(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), middleware.URLText(fail))
	for target, want := range map[string]int{
		"/v1/é?search=Ressources+Humaines": 200, "/v1/\xff": 418, "/v1/x?a=%ff": 418, "/v1/x?a=%00": 418, "/v1/x?%ff=a": 418, "/v1/x?a=%zz": 418,
	} {
		if got := serve(t, handler, http.MethodGet, target, "", ""); got.Code != want {
			t.Errorf("%q: got %d", target, got.Code)
		}
	}
}

func TestPanicShowsNothing(t *testing.T) {
	var lines strings.Builder
	handler := middleware.Chain(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("at the disco") }),
		middleware.Guard(slog.New(slog.NewTextHandler(&lines, nil)), func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusInternalServerError) }))
	if got := serve(t, handler, http.MethodGet, "/", "", ""); got.Code != http.StatusInternalServerError || got.Body.Len() != 0 {
		t.Errorf("got %d %s", got.Code, got.Body)
	}
	if !strings.Contains(lines.String(), "at the disco") {
		t.Errorf("the log does not say what happened: %s", lines.String())
	}
}

func TestRequestHasADeadline(t *testing.T) {
	var left time.Duration
	handler := middleware.Chain(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		deadline, _ := r.Context().Deadline()
		left = time.Until(deadline)
	}), byPath(t), middleware.Deadline(time.Minute))
	for path, limit := range map[string]time.Duration{"/v1/x": time.Minute, "/elsewhere": time.Minute, importPath: 10 * time.Minute} {
		serve(t, handler, http.MethodGet, path, "", "")
		if left > limit || left < limit-time.Minute/2 {
			t.Errorf("%s: %s are left", path, left)
		}
	}
	bounded := false
	handler = middleware.Chain(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, bounded = r.Context().Deadline()
	}), byPath(t), middleware.Deadline(time.Minute))
	if serve(t, handler, http.MethodGet, "/ui/export", "", ""); bounded {
		t.Error("an export has an end in time, and would be cut")
	}
}

// Who sends a body byte by byte has as long as the request may take.
func TestSlowBodyIsCutOff(t *testing.T) {
	read := make(chan error, 1)
	server := httptest.NewServer(middleware.Chain(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, err := io.ReadAll(r.Body)
		read <- err
	}), byPath(t), middleware.Deadline(50*time.Millisecond)))
	defer server.Close()
	connection, err := new(net.Dialer).DialContext(t.Context(), "tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = connection.Close() }()
	if _, err := io.WriteString(connection, "POST /v1/batch HTTP/1.1\r\nHost: x\r\nContent-Length: 20\r\n\r\n{"); err != nil {
		t.Fatal(err)
	}
	if err := <-read; !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

// A caller who is still sending gets his answer, and no reset.
func TestTooLargeIsSaidToWhoIsStillSending(t *testing.T) {
	server := httptest.NewServer(middleware.Chain(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.ReadAll(r.Body); err != nil {
			fail(w, r, err)
		}
	}), byPath(t), middleware.Body(fail), middleware.Deadline(time.Minute)))
	defer server.Close()
	for name, body := range map[string]io.Reader{
		"of known length":   strings.NewReader(strings.Repeat("x", 8<<20)),
		"of unknown length": io.LimitReader(strings.NewReader(strings.Repeat("x", 8<<20)), 8<<20),
	} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+"/v1/batch", body)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		_ = answer.Body.Close()
		if answer.StatusCode != http.StatusTeapot {
			t.Errorf("%s: got %d", name, answer.StatusCode)
		}
	}
}

func TestEncodedBodiesAreRefused(t *testing.T) {
	handler := middleware.Chain(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), byPath(t), middleware.Body(fail))
	for encoding, want := range map[string]int{"": http.StatusOK, "identity": http.StatusOK, "gzip": http.StatusTeapot, "br": http.StatusTeapot} {
		request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/batch", strings.NewReader("{}"))
		request.Header.Set("Content-Encoding", encoding)
		request.Header.Set("Content-Type", "application/json; charset=utf8")
		recorder := httptest.NewRecorder()
		handler.ServeHTTP(recorder, request)
		if recorder.Code != want {
			t.Errorf("%q: got %d %s", encoding, recorder.Code, recorder.Body)
		}
	}
}

func TestRequestsBeyondTheLimitAreRefused(t *testing.T) {
	began, end := make(chan struct{}), make(chan struct{})
	handler := middleware.Chain(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			began <- struct{}{}
			<-end
		}
	}), byPath(t), middleware.Admission(prometheus.NewRegistry(), 2, 1000, fail))
	var held sync.WaitGroup
	for range 2 {
		held.Go(func() { serve(t, handler, http.MethodPost, "/v1/x", "", "") })
		<-began
	}
	for path, want := range map[string]int{"/v1/x": http.StatusTeapot, "/readyz": http.StatusOK} {
		if got := serve(t, handler, http.MethodGet, path, "", ""); got.Code != want {
			t.Errorf("%s at the limit: got %d %s", path, got.Code, got.Body)
		}
	}
	close(end)
	held.Wait()
	if got := serve(t, handler, http.MethodGet, "/v1/x", "", ""); got.Code != http.StatusOK {
		t.Errorf("afterwards: got %d %s", got.Code, got.Body)
	}
}

func TestFirstMiddlewareSeesARequestFirst(t *testing.T) {
	var order []string
	note := func(name string) middleware.Middleware {
		return func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				order = append(order, name)
				next.ServeHTTP(w, r)
			})
		}
	}
	handler := middleware.Chain(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), note("a"), note("b"), middleware.Headers(false))
	got := serve(t, handler, http.MethodGet, "/", "", "")
	if strings.Join(order, "") != "ab" || got.Header().Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("got %v, %v", order, got.Header())
	}
}

func TestIdempotencyKeyIsPlainText(t *testing.T) {
	handler := middleware.Chain(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), middleware.IdempotencyKey(fail))
	for name, test := range map[string]struct {
		keys []string
		want int
	}{
		"none": {nil, 200}, "a UUID": {[]string{"5b0bb8de-5d0e-5b65-9d3c-8c4f0b9c3a11"}, 200}, "the longest": {[]string{strings.Repeat("k", 200)}, 200},
		"too long": {[]string{strings.Repeat("k", 201)}, 418}, "empty": {[]string{""}, 418}, "blank": {[]string{"a b"}, 418},
		"accented": {[]string{"clé"}, 418}, "twice": {[]string{"a", "a"}, 418},
	} {
		request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", http.NoBody)
		request.Header[middleware.IdempotencyKeyHeader] = test.keys
		recorder := httptest.NewRecorder()
		handler.ServeHTTP(recorder, request)
		if recorder.Code != test.want {
			t.Errorf("%s: got %d", name, recorder.Code)
		}
	}
}

// A page of another site cannot make a visitor's browser change anything here; what
// only reads, our own pages, and programs are not hindered.
func TestOtherSitesChangeNothing(t *testing.T) {
	handler := middleware.Chain(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), middleware.Origin(nil, fail))
	for name, test := range map[string]struct {
		method string
		header map[string]string
		want   int
	}{
		"another site":                {http.MethodPost, map[string]string{"Sec-Fetch-Site": "cross-site"}, 418},
		"a sister site":               {http.MethodPost, map[string]string{"Sec-Fetch-Site": "same-site"}, 418},
		"another origin, old browser": {http.MethodDelete, map[string]string{"Origin": "https://evil.example"}, 418},
		"a page without an origin":    {http.MethodPost, map[string]string{"Origin": "null"}, 418},
		"our own page":                {http.MethodPost, map[string]string{"Sec-Fetch-Site": "same-origin", "Origin": "http://example.com"}, 200},
		"our own, old browser":        {http.MethodPatch, map[string]string{"Origin": "http://example.com"}, 200},
		"a program":                   {http.MethodPost, nil, 200},
		"another site that reads":     {http.MethodGet, map[string]string{"Sec-Fetch-Site": "cross-site"}, 200},
	} {
		request := httptest.NewRequestWithContext(t.Context(), test.method, "http://example.com/ui/x", nil)
		for key, value := range test.header {
			request.Header.Set(key, value)
		}
		recorder := httptest.NewRecorder()
		handler.ServeHTTP(recorder, request)
		if recorder.Code != test.want {
			t.Errorf("%s: got %d", name, recorder.Code)
		}
	}
}

// A line about a request says what an operator needs, and not whom it was about.
func TestAccessLogSaysWhatHappened(t *testing.T) {
	for name, test := range map[string]struct {
		path string
		code int
		err  error
		all  bool
		want []string // nil: no line
	}{
		"answered":                  {"/v1/x", 200, nil, true, []string{"level=INFO", "code=200", "bytes=6"}},
		"answered, and not all are": {"/v1/x", 200, nil, false, nil},
		"refused":                   {"/v1/x", 404, apierr.New(futurisysv1.ErrorReason_ERROR_REASON_EMPLOYEE_NOT_FOUND, "employees", 7), true, []string{"level=INFO", "reason=EMPLOYEE_NOT_FOUND"}},
		"unavailable":               {"/v1/x", 503, apierr.Unavailable("database", time.Second), false, []string{"level=WARN", "reason=UNAVAILABLE", "database: temporarily unavailable"}},
		"a fault of ours":           {"/v1/x", 500, errors.New("at the disco"), false, []string{"level=ERROR", "at the disco"}},
		"a probe":                   {"/readyz", 200, nil, true, nil},
	} {
		var lines strings.Builder
		handler := middleware.Chain(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if test.err != nil {
				middleware.NoteError(w, test.err)
			}
			w.WriteHeader(test.code)
			_, _ = io.WriteString(w, "answer")
		}), byPath(t), middleware.RequestID, middleware.Access(telemetry.NewLogger(&lines, "gateway", "info", "text"), test.all))
		got := serve(t, handler, http.MethodGet, test.path, "", "")
		if (lines.Len() > 0) != (test.want != nil) {
			t.Errorf("%s: got %q", name, lines.String())
		}
		if test.want != nil {
			test.want = append(test.want, "request_id="+got.Header().Get(requestid.Header), "service=gateway")
		}
		for _, part := range test.want {
			if !strings.Contains(lines.String(), part) {
				t.Errorf("%s: %q does not have %s", name, lines.String(), part)
			}
		}
	}
}

// A page of another site may give its own name the address of this machine.
func TestForeignHostsAreRefused(t *testing.T) {
	ask := func(addr string, allowed []string, host string) int {
		handler := middleware.Chain(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), middleware.Host(addr, allowed, fail))
		request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
		request.Host = host
		recorder := httptest.NewRecorder()
		handler.ServeHTTP(recorder, request)
		return recorder.Code
	}
	const loopback, outside = "127.0.0.1:8080", "0.0.0.0:8080"
	for _, test := range []struct {
		addr    string
		allowed []string
		host    string
		served  bool
	}{
		{loopback, nil, "127.0.0.1:8080", true},
		{loopback, nil, "localhost", true},
		{loopback, nil, "LOCALHOST:8080", true},
		{loopback, nil, "[::1]:8080", true},
		{loopback, nil, "futurisys.localhost:8080", true},
		{loopback, nil, "evil.example:8080", false},
		{loopback, nil, "localhost.evil.example", false},
		{loopback, nil, "10.0.0.1", false},
		{loopback, nil, "", false},
		{loopback, []string{"hr.example"}, "hr.example", true},
		{loopback, []string{"hr.example"}, "localhost", false},
		{outside, nil, "anything.example", true},
		{outside, []string{"hr.example"}, "hr.example:8080", true},
		{outside, []string{"hr.example"}, "evil.example", false},
	} {
		if got := ask(test.addr, test.allowed, test.host) == http.StatusOK; got != test.served {
			t.Errorf("%+v: got %v", test, got)
		}
	}
}

func TestHeadIsAnsweredAsGet(t *testing.T) {
	handler := middleware.Chain(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Method) }), middleware.Head)
	if got := serve(t, handler, http.MethodHead, "/v1/x", "", ""); got.Body.String() != http.MethodGet {
		t.Errorf("got %s", got.Body)
	}
	if got := serve(t, handler, http.MethodPost, "/v1/x", "", ""); got.Body.String() != http.MethodPost {
		t.Errorf("got %s", got.Body)
	}
}
