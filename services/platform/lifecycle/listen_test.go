package lifecycle_test

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/futurisys/futurisys/services/platform/lifecycle"
)

// Idle connections, however many there are, keep nobody out; one that a request is under way
// on stays.
func TestIdleConnectionsGiveWay(t *testing.T) {
	plain, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener := lifecycle.NewListener(plain, 5)
	group := lifecycle.New(slog.New(slog.DiscardHandler))
	end := make(chan struct{})
	group.AddHTTP(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/long" {
			<-end
		}
	}), listener)
	stop := make(chan struct{})
	group.AddLoop(func(ctx context.Context) {
		select {
		case <-stop:
		case <-ctx.Done():
		}
	})
	ended := make(chan error)
	go func() { ended <- group.Run() }()
	get := func(path string) error {
		client := &http.Client{Transport: &http.Transport{}, Timeout: 10 * time.Second}
		defer client.CloseIdleConnections()
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+plain.Addr().String()+path, http.NoBody)
		if err != nil {
			return err
		}
		answer, err := client.Do(request)
		if err == nil {
			_ = answer.Body.Close()
		}
		return err
	}
	long := make(chan error)
	go func() { long <- get("/long") }()
	time.Sleep(50 * time.Millisecond)
	idle := make([]net.Conn, 4)
	for i, begin := range []string{"", "", "GET / HT", "GET / HTTP/1.1\r\nHost: x\r\n\r\n"} { // the last is answered, and kept
		if idle[i], err = new(net.Dialer).DialContext(t.Context(), "tcp", plain.Addr().String()); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = idle[i].Close() })
		_, _ = io.WriteString(idle[i], begin)
	}
	for range 3 {
		if err := get("/"); err != nil {
			t.Errorf("beside idle connections: %v", err)
		}
	}
	_ = idle[0].SetReadDeadline(time.Now().Add(5 * time.Second))
	if _, err := idle[0].Read(make([]byte, 1)); err == nil || isTimeout(err) {
		t.Errorf("the connection that has been idle for longest: got %v", err)
	}
	close(end)
	if err := <-long; err != nil {
		t.Errorf("the request under way: %v", err)
	}
	close(stop)
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func isTimeout(err error) bool {
	timeout, is := err.(net.Error) //nolint:errorlint // as net returns it
	return is && timeout.Timeout()
}
