package main

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// lines is an output that is read while it is written.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func TestLinesCarryTheirProcess(t *testing.T) {
	out := &lines{}
	g := newGroup(out)
	if err := g.start("talker", "/bin/sh", "-c", "echo one; echo two >&2; printf three"); err != nil {
		t.Fatal(err)
	}
	<-g.members[0].done
	for _, want := range []string{"talker      | one\n", "talker      | two\n", "talker      | three\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in %q", want, out)
		}
	}
}

func TestOneThatDiesIsStartedAgainAndTheOthersGoOn(t *testing.T) {
	out := &lines{}
	g := newGroup(out)
	for name, script := range map[string]string{"lives": "exec sleep 60", "dies": "echo here; exit 3"} {
		if err := g.start(name, "/bin/sh", "-c", script); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	if err := g.keep(ctx); err != nil {
		t.Error(err)
	}
	if strings.Count(out.String(), "dies        | here") < 2 {
		t.Errorf("it was not started again: %s", out)
	}
	g.stop()
	for _, m := range g.members {
		select {
		case <-m.done:
		default:
			t.Errorf("%s still runs", m.name)
		}
	}
}

func TestOnceSaysWhatFailed(t *testing.T) {
	g := newGroup(&lines{}, "GREETING=hello")
	if err := g.once(t.Context(), "good", "/bin/sh", "-c", `test "$GREETING" = hello`); err != nil {
		t.Error(err)
	}
	if err := g.once(t.Context(), "bad", "/bin/sh", "-c", "exit 3"); err == nil || !strings.Contains(err.Error(), "bad ended (exit status 3)") {
		t.Errorf("got %v", err)
	}
}

func TestEnvironmentBeatsTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), ".env")
	if err := os.WriteFile(path, []byte("ENVIRONMENT=demo\nGATEWAY_HTTP_ADDR='127.0.0.1:1' # not this\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("ENVIRONMENT", "")
	t.Setenv("GATEWAY_HTTP_ADDR", "127.0.0.1:2")
	found, err := readSettings(path)
	if err != nil || found.environment() != "demo" || found.get("GATEWAY_HTTP_ADDR", "") != "127.0.0.1:2" {
		t.Errorf("got %v, %v", found, err)
	}
	if found, err = readSettings(path + ".none"); err != nil || found.environment() != "dev" {
		t.Errorf("without a file: %v, %v", found, err)
	}
}

func TestAwaitEndsWithTheProcessThatIsWaitedFor(t *testing.T) {
	g := newGroup(&lines{})
	if err := g.start("dies", "/bin/sh", "-c", "exit 1"); err != nil {
		t.Fatal(err)
	}
	err := g.await(t.Context(), service{"dies", "http://127.0.0.1:1/readyz"}, 10*time.Second)
	if err == nil || !strings.Contains(err.Error(), "dies ended") {
		t.Errorf("got %v", err)
	}
}

func TestAwaitWaitsUntilReady(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var asked int
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if asked++; asked < 3 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}), ReadHeaderTimeout: time.Second}
	go func() { _ = server.Serve(listener) }()
	defer server.Close()
	g := newGroup(&lines{})
	if err := g.await(context.Background(), service{"web", "http://" + listener.Addr().String()}, 10*time.Second); err != nil || asked < 3 {
		t.Errorf("asked %d times, %v", asked, err)
	}
}
