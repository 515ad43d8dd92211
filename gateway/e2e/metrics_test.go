package e2e

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	dto "github.com/prometheus/client_model/go"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// metricsPage is what says to operators which metrics there are; `make metrics-page` writes
// it.
const metricsPage = "docs/metrics.md"

// metrics are the metrics of a program, as Prometheus gets them.
func (s *stack) metrics(program string) string {
	s.t.Helper()
	request, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, "http://"+s.setting(strings.ToUpper(program)+"_ADMIN_ADDR")+"/metrics", http.NoBody)
	if err != nil {
		s.t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return string(text)
}

func families(t *testing.T, text string) map[string]*dto.MetricFamily {
	t.Helper()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	found, err := parser.TextToMetricFamilies(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// value is what a metric with such labels counts; -1: there is none.
func value(t *testing.T, text, name string, labels map[string]string) float64 {
	t.Helper()
	for _, metric := range families(t, text)[name].GetMetric() {
		has := map[string]string{}
		for _, label := range metric.GetLabel() {
			has[label.GetName()] = label.GetValue()
		}
		fits := true
		for key, want := range labels {
			fits = fits && has[key] == want
		}
		if fits {
			return metric.GetCounter().GetValue() + metric.GetGauge().GetValue() + float64(metric.GetHistogram().GetSampleCount())
		}
	}
	return -1
}

// What is on the page is what there is, and what there is keeps to Prometheus' conventions.
func TestMetricsAreOnTheirPage(t *testing.T) {
	s := start(t, options{database: postgresURL(t)})
	s.upload("", extracts(), nil).into(t, &futurisysv1.ImportReport{})
	s.call("POST", "/v1/models/attrition:predictEmployees", `{"employeeIds": [1, 2], "explain": {}}`).into(t, &futurisysv1.PredictEmployeesResponse{})
	var page strings.Builder
	page.WriteString("# Metrics\n\nWritten by `make metrics-page` from what the programs answer at `/metrics` of their admin ports; those of Go's runtime and of the process are left out.\n")
	for _, program := range []string{"gateway", "inference", "persistence"} {
		text := s.metrics(program)
		problems, err := promlint.New(strings.NewReader(text)).Lint()
		if err != nil {
			t.Fatal(err)
		}
		for _, problem := range problems {
			t.Errorf("%s: %s: %s", program, problem.Metric, problem.Text)
		}
		fmt.Fprintf(&page, "\n## %s\n\n| metric | type | labels | meaning |\n|---|---|---|---|\n", program)
		found := families(t, text)
		for _, name := range slices.Sorted(maps.Keys(found)) {
			if strings.HasPrefix(name, "go_") && !strings.HasPrefix(name, "go_sql_") || strings.HasPrefix(name, "process_") {
				continue
			}
			family := found[name]
			labels := map[string]bool{}
			for _, metric := range family.GetMetric() {
				for _, label := range metric.GetLabel() {
					labels[label.GetName()] = true
				}
			}
			fmt.Fprintf(&page, "| %s | %s | %s | %s |\n", name, strings.ToLower(family.GetType().String()),
				strings.Join(slices.Sorted(maps.Keys(labels)), ", "), family.GetHelp())
		}
	}
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(absolute(t, metricsPage), []byte(page.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	kept, err := os.ReadFile(absolute(t, metricsPage))
	if err != nil {
		t.Fatal(err)
	}
	if string(kept) != page.String() {
		t.Errorf("%s is stale: run make metrics-page and commit it; it should be\n%s", metricsPage, page.String())
	}
	for _, want := range []struct {
		program, name string
		labels        map[string]string
		least         float64
	}{
		{"gateway", "http_request_duration_seconds", map[string]string{"route": "/v1/models/{model}:predictEmployees", "code": "200"}, 1},
		{"gateway", "grpc_client_handled_total", map[string]string{"target": "inference", "grpc_method": "PredictEmployees"}, 1},
		{"gateway", "futurisys_build_info", nil, 1},
		{"inference", "futurisys_predictions_total", map[string]string{"model": "attrition"}, 1},
		{"inference", "futurisys_explaining_duration_seconds", nil, 1},
		{"inference", "futurisys_recording_rows_total", map[string]string{"outcome": "recorded"}, 2},
		{"inference", "futurisys_recording_persistence_up", nil, 1},
		{"inference", "futurisys_in_flight_max", map[string]string{"limit": "calls"}, 1},
		{"persistence", "futurisys_database_query_duration_seconds", map[string]string{"operation": "insert", "table": "predictions"}, 1},
		{"persistence", "futurisys_database_errors_total", map[string]string{"class": "disk_full"}, 0},
		{"persistence", "go_sql_max_open_connections", map[string]string{"db_name": "record"}, 1},
	} {
		if got := value(t, s.metrics(want.program), want.name, want.labels); got < want.least {
			t.Errorf("%s: %s%v is %g", want.program, want.name, want.labels, got)
		}
	}
}
