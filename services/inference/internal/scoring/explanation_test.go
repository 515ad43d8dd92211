package scoring_test

import (
	"context"
	"log/slog"
	"math"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/futurisys/futurisys/services/inference/internal/engine/enginetest"
	"github.com/futurisys/futurisys/services/inference/internal/explain"
	"github.com/futurisys/futurisys/services/inference/internal/recorder"
	"github.com/futurisys/futurisys/services/inference/internal/registry"
	"github.com/futurisys/futurisys/services/inference/internal/registry/registrytest"
	"github.com/futurisys/futurisys/services/inference/internal/scoring"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// wrong explains every second row as if its output were another.
type wrong struct {
	explain.Explainer

	output float64
}

func (w wrong) Explain(ctx context.Context, rows []float32) ([]explain.Explanation, error) {
	found, err := w.Explainer.Explain(ctx, rows)
	for i := range found {
		if i%2 == 1 {
			found[i].Output = w.output
		}
	}
	return found, err
}

// Reasons that are not those of the score are not given: the score is, with a warning,
// and the other rows have theirs.
func TestReasonsThatDoNotAddUpAreNotGiven(t *testing.T) {
	models := registrytest.Folder(t, enginetest.Repository())
	version, err := models.Acquire("attrition", 0, "")
	if err != nil {
		t.Fatal(err)
	}
	defer version.Release()
	scorer, err := scoring.New(recorder.New(recorder.Options{Mode: recorder.Off, Logger: slog.New(slog.DiscardHandler), Registry: prometheus.NewRegistry()}), prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	for _, output := range []float64{3, math.NaN(), math.Inf(1)} {
		other := &registry.Version{
			Candidate: version.Candidate, Package: version.Package, Plan: version.Plan, Session: version.Session,
			Explainer: wrong{version.Explainer, output},
		}
		row := scoring.Row{Profile: version.Example, Explain: &futurisysv1.ExplainOptions{}}
		outcomes, err := scorer.Score(t.Context(), other, []scoring.Row{row, row, row}, "")
		if err != nil {
			t.Fatal(err)
		}
		for i, outcome := range outcomes {
			warned := strings.Contains(outcome.Prediction.String(), "do not add up")
			if given := outcome.Prediction.GetExplanation() != nil; given == (i == 1) || warned != (i == 1) {
				t.Errorf("output %g, row %d: %v", output, i, outcome.Prediction)
			}
		}
		question := scoring.Question{Profile: version.Example, Changes: &futurisysv1.EmployeeProfile{}}
		if _, err := scorer.WhatIf(t.Context(), other, question); err == nil {
			t.Errorf("output %g: the what-if has no error", output)
		}
	}
}
