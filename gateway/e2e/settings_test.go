package e2e

import (
	"context"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A setting that cannot be stops the start, with a message that names it.
func TestBadSettingsStopTheStart(t *testing.T) {
	for name, test := range map[string]struct {
		program     string
		environment []string
		want        string
	}{
		"no ONNX Runtime":                {"inference", nil, "ONNXRUNTIME_LIB"},
		"a library that is not there":    {"inference", []string{"ONNXRUNTIME_LIB=/nowhere.so"}, "ONNXRUNTIME_LIB"},
		"a library that is none":         {"inference", []string{"ONNXRUNTIME_LIB=" + filepath.Join(binaries, "gateway")}, "ONNXRUNTIME_LIB"},
		"no models":                      {"inference", []string{"ONNXRUNTIME_LIB=" + library, "MODEL_REPOSITORY=/nowhere"}, "MODEL_REPOSITORY"},
		"no Hub's repository":            {"inference", []string{"ONNXRUNTIME_LIB=" + library, "MODEL_REPOSITORY=hf://attrition"}, "MODEL_REPOSITORY"},
		"no Hub":                         {"inference", []string{"ONNXRUNTIME_LIB=" + library, "MODEL_REPOSITORY=hf://a/b", "HF_ENDPOINT=hub"}, "HF_ENDPOINT"},
		"neither offline nor not":        {"inference", []string{"ONNXRUNTIME_LIB=" + library, "MODEL_REPOSITORY=hf://a/b", "HF_HUB_OFFLINE=x"}, "HF_HUB_OFFLINE"},
		"recording without a database":   {"inference", []string{"ONNXRUNTIME_LIB=" + library, "RECORDING=required", "PERSISTENCE_TARGET="}, "RECORDING"},
		"recording in the demo":          {"inference", []string{"ONNXRUNTIME_LIB=" + library, "RECORDING=required", "ENVIRONMENT=demo"}, "RECORDING"},
		"unknown mode of recording":      {"inference", []string{"RECORDING=sometimes"}, "RECORDING"},
		"inference open to all":          {"inference", []string{"ONNXRUNTIME_LIB=" + library, "INFERENCE_GRPC_ADDR=0.0.0.0:0"}, "INFERENCE_GRPC_ADDR"},
		"gateway open to all":            {"gateway", []string{"GATEWAY_HTTP_ADDR=:0"}, "GATEWAY_HTTP_ADDR"},
		"gateway's operators' door open": {"gateway", []string{"GATEWAY_ADMIN_ADDR=:0"}, "GATEWAY_ADMIN_ADDR"},
		"a host with a scheme":           {"gateway", []string{"GATEWAY_ALLOWED_HOSTS=http://hr.example.com"}, "GATEWAY_ALLOWED_HOSTS"},
		"a host with a port":             {"gateway", []string{"GATEWAY_ALLOWED_HOSTS=a.example.com,hr.example.com:80"}, "GATEWAY_ALLOWED_HOSTS"},
		"no time zone":                   {"gateway", []string{"TZ=Nowhere/City"}, "TZ"},
		"nobody who scores":              {"gateway", []string{"INFERENCE_TARGET="}, "INFERENCE_TARGET"},
		"no time at all":                 {"gateway", []string{"GATEWAY_REQUEST_TIMEOUT=soon"}, "GATEWAY_REQUEST_TIMEOUT"},
		"no time for a request":          {"gateway", []string{"GATEWAY_REQUEST_TIMEOUT=0"}, "GATEWAY_REQUEST_TIMEOUT"},
		"time before now":                {"inference", []string{"RECORDING_TIMEOUT=-5s"}, "RECORDING_TIMEOUT"},
		"fewer versions than none":       {"inference", []string{"MODEL_MAX_LOADED=-3"}, "MODEL_MAX_LOADED"},
		"memory of nothing":              {"inference", []string{"MODEL_MEMORY_BUDGET_MIB=0"}, "MODEL_MEMORY_BUDGET_MIB"},
		"looking all the time":           {"inference", []string{"MODEL_POLL_INTERVAL=1ms"}, "MODEL_POLL_INTERVAL"},
		"setting of an earlier version":  {"inference", []string{"OUTBOX_MOST_MIB=5"}, "OUTBOX_MAX_MIB"},
		"no room in the outbox":          {"inference", []string{"OUTBOX_MAX_MIB=-1"}, "OUTBOX_MAX_MIB"},
		"older than is recorded":         {"inference", []string{"OUTBOX_MAX_AGE=9000h"}, "OUTBOX_MAX_AGE"},
		"token of two lines":             {"inference", []string{"HF_TOKEN=hf_a\nb"}, "HF_TOKEN"},
		"address of a repository": {
			"inference", []string{"ONNXRUNTIME_LIB=" + library, "MODEL_REPOSITORY=https://huggingface.co/acme/attrition"}, "hf://acme/attrition",
		},
		"persistence open to all": {"persistence", []string{"PERSISTENCE_GRPC_ADDR=:0"}, "PERSISTENCE_GRPC_ADDR"},
		"a demo's database":       {"persistence", []string{"ENVIRONMENT=demo"}, "ENVIRONMENT"},
		"unknown database":        {"persistence", []string{"DATABASE_URL=mysql://x"}, "DATABASE_URL"},
		"SQLite in prod":          {"persistence", []string{"ENVIRONMENT=prod", "DATABASE_URL=sqlite:x.db"}, "DATABASE_URL"},
		"unknown environment":     {"persistence", []string{"ENVIRONMENT=staging"}, "ENVIRONMENT"},
		"unknown key in a file":   {"gateway", []string{"CONFIG_FILE=" + absolute(t, "gateway/e2e/testdata/unknown.env")}, "GATEWAY_HTTP_ADR"},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), startTimeout) // one that starts after all would not end
			defer cancel()
			command := exec.CommandContext(ctx, filepath.Join(binaries, test.program))
			command.Env = append([]string{"HOME=" + t.TempDir()}, test.environment...)
			command.Dir = t.TempDir()
			out, err := command.CombinedOutput()
			if err == nil || !strings.Contains(string(out), test.want) {
				t.Errorf("got %v: %s\nwant an error that names %s", err, out, test.want)
			}
		})
	}
}

// In prod the schema is the migrate command's business, not of whichever copy
// starts first.
func TestProdServesOnlyAMigratedDatabase(t *testing.T) {
	url := postgresURL(t)
	g := newGuarded(t)
	settings, _ := g.prodSettings(t)
	run := func(arguments ...string) (string, error) {
		command := exec.CommandContext(t.Context(), filepath.Join(binaries, "persistence"), arguments...)
		command.Env = append(slices.Clone(settings), "HOME="+t.TempDir(), "DATABASE_URL="+url)
		command.Dir = t.TempDir()
		out, err := command.CombinedOutput()
		return string(out), err
	}
	if out, err := run(); err == nil || !strings.Contains(out, "persistence migrate") {
		t.Errorf("got %v: %s", err, out)
	}
	if out, err := run("migrate"); err != nil || !strings.Contains(out, "schema version 9 of 9") {
		t.Errorf("got %v: %s", err, out)
	}
	start(t, options{database: url, environment: settings})
}
