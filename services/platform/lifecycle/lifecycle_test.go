package lifecycle_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/futurisys/futurisys/services/platform/lifecycle"
)

// A signal must not cut a request under way: what is being recorded would be lost.
func TestSignalDrainsWhatIsUnderWay(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	entered := make(chan struct{})
	handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(entered)
		time.Sleep(200 * time.Millisecond)
		_, _ = io.WriteString(w, "done")
	})
	var notReady, looped atomic.Bool
	group := lifecycle.New(slog.New(slog.DiscardHandler))
	group.AddSignals(0, func() { notReady.Store(true) })
	group.AddHTTP(handler, listener)
	group.AddLoop(func(ctx context.Context) {
		<-ctx.Done()
		looped.Store(true)
	})
	ended := make(chan error, 1)
	go func() { ended <- group.Run() }()

	answer := make(chan string, 1)
	go func() {
		request, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "http://"+listener.Addr().String(), http.NoBody)
		if err != nil {
			answer <- err.Error()
			return
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			answer <- err.Error()
			return
		}
		defer response.Body.Close()
		body, _ := io.ReadAll(response.Body)
		answer <- string(body)
	}()
	<-entered
	if err := syscall.Kill(os.Getpid(), syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if got := <-answer; got != "done" {
		t.Errorf("the request under way got %q", got)
	}
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("a signal is a clean end, got %v", err)
		}
	case <-time.After(lifecycle.DrainTimeout):
		t.Fatal("the group did not end")
	}
	if !notReady.Load() || !looped.Load() {
		t.Errorf("not ready %v, loop ended %v", notReady.Load(), looped.Load())
	}
}

func TestAMemberThatEndsEndsTheOthers(t *testing.T) {
	for name, member := range map[string]struct {
		loop func(context.Context)
		want string // part of the error; "": none
	}{
		"by itself":    {func(context.Context) {}, ""},
		"with a panic": {func(context.Context) { panic("at the disco") }, "at the disco"},
	} {
		listener, err := lifecycle.Listen("SOME_ADDR", "127.0.0.1:0", 100, prometheus.NewRegistry())
		if err != nil {
			t.Fatal(err)
		}
		group := lifecycle.New(slog.New(slog.DiscardHandler))
		group.AddAdmin(http.NotFoundHandler(), listener)
		group.AddLoop(member.loop)
		ended := make(chan error, 1)
		go func() { ended <- group.Run() }()
		select {
		case err := <-ended:
			if (err == nil) != (member.want == "") || err != nil && !strings.Contains(err.Error(), member.want) {
				t.Errorf("%s: got %v", name, err)
			}
		case <-time.After(lifecycle.DrainTimeout):
			t.Fatalf("%s: the others go on", name)
		}
		if _, err := http.Get("http://" + listener.Addr().String()); err == nil { //nolint:noctx // nobody is to answer
			t.Errorf("%s: the listener is still open", name)
		}
	}
}

func TestListenNamesTheSetting(t *testing.T) {
	taken, err := lifecycle.Listen("SOME_ADDR", "127.0.0.1:0", 100, prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	if _, err := lifecycle.Listen("SOME_ADDR", taken.Addr().String(), 100, prometheus.NewRegistry()); err == nil || !strings.HasPrefix(err.Error(), "SOME_ADDR: ") {
		t.Errorf("got %v", err)
	}
}

func TestWhatFailsToCloseIsLogged(t *testing.T) {
	var lines strings.Builder
	log := slog.New(slog.NewTextHandler(&lines, nil))
	lifecycle.Close(log, "database", func() error { return nil })
	if lines.Len() > 0 {
		t.Errorf("got %s", lines.String())
	}
	lifecycle.Close(log, "database", func() error { return errors.New("disk full") })
	if !strings.Contains(lines.String(), "what=database") || !strings.Contains(lines.String(), "disk full") {
		t.Errorf("got %s", lines.String())
	}
}
