package hubtest

import (
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// Start starts a Hub that ends with the test, and returns it with its address.
func Start(t testing.TB) (hub *Hub, endpoint string) {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	hub = New("http://" + strings.Replace(server.Listener.Addr().String(), "127.0.0.1", "localhost", 1))
	server.Config.Handler = hub
	server.Start()
	t.Cleanup(server.Close)
	return hub, server.URL
}

// Python is the interpreter that has huggingface_hub: TEST_PYTHON, else the one
// that `make test` sets up.
func Python(t testing.TB) string {
	t.Helper()
	if path := os.Getenv("TEST_PYTHON"); path != "" {
		return path
	}
	_, file, _, _ := runtime.Caller(0)
	path := filepath.Join(filepath.Dir(file), "../../../../../.cache/venv/bin/python")
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("Python with huggingface_hub is needed: run `make setup`, or set TEST_PYTHON: %v", err)
	}
	return path
}
