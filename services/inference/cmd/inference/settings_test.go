package main

import (
	"os"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/futurisys/futurisys/services/inference/internal/recorder"
	"github.com/futurisys/futurisys/services/platform/config"
	"github.com/futurisys/futurisys/services/platform/grpcclient"
)

// parse reads settings from flags alone.
func parse(t *testing.T, args ...string) (*settings, error) {
	t.Helper()
	t.Chdir(t.TempDir()) // no .env
	for _, key := range config.Keys() {
		t.Setenv(key, "") // what the machine has set is put back afterwards
		if err := os.Unsetenv(key); err != nil {
			t.Fatal(err)
		}
	}
	s := &settings{}
	_, err := config.Parse("inference", "", s, args)
	return s, err
}

func TestModeOfRecording(t *testing.T) {
	for name, test := range map[string]struct {
		args []string
		want recorder.Mode
	}{
		"with a database":           {nil, recorder.Required},
		"without one":               {[]string{"--persistence-target="}, recorder.Off},
		"in the demo":               {[]string{"--environment=demo"}, recorder.Off},
		"as asked":                  {[]string{"--recording=best-effort"}, recorder.BestEffort},
		"off with a database":       {[]string{"--recording=off"}, recorder.Off},
		"off without a database":    {[]string{"--recording=off", "--persistence-target="}, recorder.Off},
		"required with a target":    {[]string{"--recording=required"}, recorder.Required},
		"demo, whatever the target": {[]string{"--environment=demo", "--persistence-target=127.0.0.1:1"}, recorder.Off},
	} {
		s, err := parse(t, test.args...)
		if err != nil || s.mode() != test.want {
			t.Errorf("%s: got %s, %v", name, s.mode(), err)
		}
		if (s.mode() != recorder.Off) && !s.hasDatabase() {
			t.Errorf("%s: it records without a database", name)
		}
	}
}

func TestSettingsThatCannotBe(t *testing.T) {
	for want, args := range map[string][]string{
		"RECORDING":               {"--recording=required", "--environment=demo"},
		"MODEL_POLL_INTERVAL":     {"--model-poll-interval=1ms"},
		"nor 0":                   {"--model-poll-interval=25h"},
		"MODEL_MAX_LOADED":        {"--model-max-loaded=0"},
		"MODEL_MEMORY_BUDGET_MIB": {"--model-memory-budget-mib=-1"},
		"RECORDING_TIMEOUT":       {"--recording-timeout=2m"},
		"OUTBOX_MAX_MIB":          {"--outbox-max-mib=0"},
		"OUTBOX_MAX_AGE":          {"--outbox-max-age=1s"},
		"OUTBOX_FULL":             {"--outbox-full=perhaps"},
		"INFERENCE_GRPC_ADDR":     {"--inference-grpc-addr=0.0.0.0:9001"},
		"INFERENCE_ADMIN_ADDR":    {"--inference-admin-addr=nowhere"},
		"HF_TOKEN":                {"--hf-token=two words"},
	} {
		if _, err := parse(t, args...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: got %v, want an error that names %s", args, err, want)
		}
	}
	// All that is wrong is said at once.
	if _, err := parse(t, "--model-max-loaded=0", "--outbox-max-mib=0"); err == nil || strings.Count(err.Error(), "is not from") != 2 {
		t.Errorf("got %v", err)
	}
	for _, args := range [][]string{{"--model-poll-interval=0"}, {"--inference-grpc-addr=0.0.0.0:9001", "--allow-insecure-bind"}} {
		if _, err := parse(t, args...); err != nil {
			t.Errorf("%v: %v", args, err)
		}
	}
}

func TestWithoutADatabaseNothingIsConnected(t *testing.T) {
	s, err := parse(t, "--environment=demo")
	if err != nil {
		t.Fatal(err)
	}
	to, err := s.connect("folder", grpcclient.Identity{}, nil, prometheus.NewRegistry())
	if err != nil || to.employees != nil || to.records != nil || to.journal != nil {
		t.Errorf("got %+v, %v", to, err)
	}
	if err := to.Close(); err != nil {
		t.Error(err)
	}
	if s.journal(nil, "folder") == nil {
		t.Error("who set which alias is not kept")
	}
	s.ModelStateDir = ""
	if s.journal(nil, "folder") != nil {
		t.Error("it is kept, and nobody said where")
	}
}
