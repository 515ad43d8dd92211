package middleware_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/futurisys/futurisys/gateway/internal/middleware"
	"github.com/futurisys/futurisys/gateway/internal/routes"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// bodies is a server that reads what it is sent, and answers how much that was.
func bodies(t *testing.T, hold <-chan struct{}) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(middleware.Chain(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, err := io.Copy(io.Discard, r.Body)
		if err != nil {
			fail(w, r, err)
			return
		}
		if r.URL.Path == "/hold" {
			<-hold
		}
		_, _ = fmt.Fprint(w, n)
	}), middleware.Route(func(*http.Request) (routes.Route, bool) {
		return routes.Route{Policy: &futurisysv1.Policy{MaxRequestBytes: 100 << 20}}, true
	}), middleware.Admission(prometheus.NewRegistry(), 1024, 2000, fail)))
	t.Cleanup(server.Close)
	return server
}

func sendBody(t *testing.T, server *httptest.Server, path string, body io.Reader) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+path, body)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := server.Client().Do(request)
	if err != nil {
		return 0, err.Error()
	}
	defer func() { _ = answer.Body.Close() }()
	text, _ := io.ReadAll(answer.Body)
	return answer.StatusCode, string(text)
}

// trickle begins a request by hand, and sends no more. The result is read from for its answer.
func trickle(t *testing.T, server *httptest.Server, length string, begun int) net.Conn {
	t.Helper()
	connection, err := new(net.Dialer).DialContext(t.Context(), "tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = connection.Close() })
	if length == "chunked" {
		length = fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n", begun+1)
	} else {
		length = "Content-Length: " + length + "\r\n\r\n"
	}
	if _, err := io.WriteString(connection, "POST / HTTP/1.1\r\nHost: localhost\r\n"+length+strings.Repeat("x", begun)); err != nil {
		t.Fatal(err)
	}
	return connection
}

// Bodies of which one byte comes keep nobody out, however many there are.
func TestSlowBodiesKeepNobodyOut(t *testing.T) {
	server := bodies(t, nil)
	for range 1100 {
		trickle(t, server, "1000", 1)
	}
	time.Sleep(300 * time.Millisecond)
	for range 20 {
		if code, text := sendBody(t, server, "/", strings.NewReader("hello")); code != http.StatusOK || text != "5" {
			t.Fatalf("beside 1,100 slow bodies: got %d %s", code, text)
		}
	}
}

// A large body that does not come to its end gives way to one that does, whether it says its
// length or not, and is told.
func TestASlowLargeBodyGivesWay(t *testing.T) {
	for _, length := range []string{"16777216", "chunked"} {
		server := bodies(t, nil)
		slow := trickle(t, server, length, 15<<20)
		time.Sleep(300 * time.Millisecond)
		whole := bytes.Repeat([]byte("x"), 12<<20)
		for until := time.Now().Add(10 * time.Second); ; time.Sleep(100 * time.Millisecond) { // what came fast is behind only after a while
			code, text := sendBody(t, server, "/", bytes.NewReader(whole))
			if code == http.StatusOK {
				break
			}
			if time.Now().After(until) {
				t.Fatalf("%s: got %d %s", length, code, text)
			}
		}
		_ = slow.SetReadDeadline(time.Now().Add(10 * time.Second))
		answer := make([]byte, 12)
		if _, err := io.ReadFull(slow, answer); err != nil || string(answer) != "HTTP/1.1 418" {
			t.Errorf("%s: the slow one got %q, %v", length, answer, err)
		}
	}
}

// Bodies are bounded together: a hundred of 64 MiB at once are more than a process has.
func TestBodiesAreBoundedTogether(t *testing.T) {
	hold := make(chan struct{})
	server := bodies(t, hold)
	type answered struct {
		code int
		text string
	}
	held := make(chan answered, 2)
	for _, size := range []int{10 << 20, 5 << 20} {
		go func() {
			code, text := sendBody(t, server, "/hold", bytes.NewReader(make([]byte, size)))
			held <- answered{code, text}
		}()
	}
	time.Sleep(300 * time.Millisecond)
	for _, body := range []io.Reader{bytes.NewReader(make([]byte, 3<<20)), io.LimitReader(zeros{}, 3<<20)} { // the second says no length
		if code, text := sendBody(t, server, "/", body); code != http.StatusTeapot {
			t.Errorf("3 MiB more: got %d %s", code, text)
		}
	}
	if code, text := sendBody(t, server, "/", strings.NewReader("a row")); code != http.StatusOK || text != "5" {
		t.Errorf("a single row: got %d %s", code, text)
	}
	close(hold)
	for range 2 {
		if got := <-held; got.code != http.StatusOK {
			t.Errorf("one that came first: got %v", got)
		}
	}
	if code, text := sendBody(t, server, "/", bytes.NewReader(make([]byte, 60<<20))); code != http.StatusOK || text != fmt.Sprint(60<<20) {
		t.Errorf("one that is larger than all may be, alone: got %d %s", code, text)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
