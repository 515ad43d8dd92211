package scoring_test

import (
	"context"
	"errors"
	"math"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/futurisys/futurisys/services/inference/internal/engine"
	"github.com/futurisys/futurisys/services/inference/internal/engine/enginetest"
	"github.com/futurisys/futurisys/services/inference/internal/registry"
	"github.com/futurisys/futurisys/services/inference/internal/registry/registrytest"
	"github.com/futurisys/futurisys/services/inference/internal/scoring"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// answering answers the rows of a graph with what a test wants.
type answering struct {
	engine.Session

	answers []float32
}

func (a answering) Score(rows, out []float32) error {
	err := a.Session.Score(rows, out)
	copy(out, a.answers)
	return err
}

// ledger is a record that keeps what it is given.
type ledger struct{ rows []*futurisysv1.Prediction }

func (*ledger) Admit() error { return nil }

func (l *ledger) Record(_ context.Context, predictions []*futurisysv1.Prediction) ([]int, error) {
	l.rows = append(l.rows, predictions...)
	return nil, nil
}

// A row for which the graph has no probability is an error of that row. It is not put on
// record, and the others are answered with their own reasons.
func TestRowWithoutAProbabilityIsItsOwnError(t *testing.T) {
	version, err := registrytest.Folder(t, enginetest.Repository()).Acquire("attrition", 0, "")
	if err != nil {
		t.Fatal(err)
	}
	defer version.Release()
	record := &ledger{}
	scorer, err := scoring.New(record, prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	nan := float32(math.NaN())
	other := &registry.Version{
		Candidate: version.Candidate, Package: version.Package, Plan: version.Plan, Explainer: version.Explainer,
		Session: answering{version.Session, []float32{nan, 0.25, -2.53, 1.5, 0.75, float32(math.Inf(1))}},
	}
	rows := make([]scoring.Row, 6)
	for i := range rows {
		rows[i] = scoring.Row{Profile: version.Example, Number: int32(i)}
	}
	outcomes, err := scorer.Score(t.Context(), other, rows, "")
	if err != nil {
		t.Fatal(err)
	}
	want := map[int]float64{1: 0.25, 4: 0.75}
	for i, outcome := range outcomes {
		probability, good := want[i]
		if outcome.NoAnswer == good || good && (outcome.Prediction.GetProbability() != probability || outcome.Prediction.GetRowNumber() != int32(i)) {
			t.Errorf("row %d: got %+v", i, outcome)
		}
	}
	if len(record.rows) != len(want) {
		t.Errorf("%d are on record", len(record.rows))
	}
	if _, err := scorer.WhatIf(t.Context(), other, scoring.Question{Profile: version.Example}); !errors.Is(err, scoring.ErrNoAnswer) {
		t.Errorf("what-if: got %v", err)
	}
}
