package telemetry_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/futurisys/futurisys/services/platform/telemetry"
)

func TestAdminSaysWhetherItLivesAndIsReady(t *testing.T) {
	var state error
	handler := telemetry.AdminHandler(func(context.Context) error { return state }, telemetry.NewRegistry())
	get := func(path string) *httptest.ResponseRecorder {
		recorder := httptest.NewRecorder()
		handler.ServeHTTP(recorder, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, http.NoBody))
		return recorder
	}
	if got := get("/readyz"); got.Code != http.StatusOK {
		t.Errorf("ready: got %d", got.Code)
	}
	state = errors.New("no model")
	if got := get("/readyz"); got.Code != http.StatusServiceUnavailable || !strings.Contains(got.Body.String(), "no model") {
		t.Errorf("not ready: got %d %s", got.Code, got.Body)
	}
	if got := get("/healthz"); got.Code != http.StatusOK {
		t.Errorf("what is not ready still lives: got %d", got.Code)
	}
	if got := get("/metrics"); got.Code != http.StatusOK || !strings.Contains(got.Body.String(), "go_goroutines") {
		t.Errorf("metrics: got %d", got.Code)
	}
}
