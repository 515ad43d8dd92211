package telemetry_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/futurisys/futurisys/services/platform/requestid"
	"github.com/futurisys/futurisys/services/platform/telemetry"
)

func TestEachLineNamesServiceAndRequest(t *testing.T) {
	for format, read := range map[string]func(line string) map[string]any{
		"json": func(line string) map[string]any {
			out := map[string]any{}
			if err := json.Unmarshal([]byte(line), &out); err != nil {
				t.Errorf("%s: %v", line, err)
			}
			return out
		},
		"text": func(line string) map[string]any {
			out := map[string]any{}
			for part := range strings.FieldsSeq(line) {
				name, value, _ := strings.Cut(part, "=")
				out[name] = value
			}
			return out
		},
	} {
		var out strings.Builder
		log := telemetry.NewLogger(&out, "gateway", "info", format)
		log.DebugContext(t.Context(), "below the level")
		if out.Len() > 0 {
			t.Errorf("%s: %s", format, out.String())
		}
		log.With("model", "attrition").InfoContext(requestid.With(t.Context(), "abc"), "seen")
		line := read(strings.TrimSpace(out.String()))
		for name, want := range map[string]string{"service": "gateway", "request_id": "abc", "model": "attrition", "msg": "seen", "level": "INFO"} {
			if line[name] != want {
				t.Errorf("%s: %s is %v in %v", format, name, line[name], line)
			}
		}
		out.Reset()
		log.Info("of no request") //nolint:sloglint // that there is no context is what is tried
		if line := read(strings.TrimSpace(out.String())); line["request_id"] != nil {
			t.Errorf("%s: %v", format, line)
		}
	}
}

func TestALevelThatIsNoneIsInfo(t *testing.T) {
	var out strings.Builder
	log := telemetry.NewLogger(&out, "x", "loud", "text")
	if log.Enabled(t.Context(), slog.LevelDebug) || !log.Enabled(t.Context(), slog.LevelInfo) {
		t.Error("the level is another")
	}
}

func TestProbeAsksTheRunningProgram(t *testing.T) {
	var state error
	server := httptest.NewServer(telemetry.AdminHandler(func(context.Context) error { return state }, telemetry.NewRegistry()))
	defer server.Close()
	addr := strings.TrimPrefix(server.URL, "http://")
	if err := telemetry.Probe(addr); err != nil {
		t.Errorf("ready: got %v", err)
	}
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	for _, everywhere := range []string{":" + port, "0.0.0.0:" + port} {
		if err := telemetry.Probe(everywhere); err != nil {
			t.Errorf("%s: got %v", everywhere, err)
		}
	}
	state = errors.New("no model")
	if err := telemetry.Probe(addr); err == nil || !strings.Contains(err.Error(), "no model") {
		t.Errorf("not ready: got %v", err)
	}
	server.Close()
	if err := telemetry.Probe(addr); err == nil || !strings.Contains(err.Error(), "nobody answers") {
		t.Errorf("nobody is there: got %v", err)
	}
	if err := telemetry.Probe("nowhere"); err == nil {
		t.Error("that is no address, and there is no error")
	}
}

func TestProbesAreNotKept(t *testing.T) {
	recorder := httptest.NewRecorder()
	telemetry.AdminHandler(func(context.Context) error { return nil }, telemetry.NewRegistry()).
		ServeHTTP(recorder, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/readyz", http.NoBody))
	if got := recorder.Header().Get("Cache-Control"); got != "no-store" {
		t.Errorf("got %q", got)
	}
}
