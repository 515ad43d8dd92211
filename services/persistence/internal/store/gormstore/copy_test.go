package gormstore_test

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/futurisys/futurisys/services/persistence/internal/store"
	"github.com/futurisys/futurisys/services/persistence/internal/store/gormstore"
)

// predictionsToCopy is how many the move is tried with; COPY_PREDICTIONS says otherwise.
func predictionsToCopy(t *testing.T) int {
	t.Helper()
	given, err := strconv.Atoi(os.Getenv("COPY_PREDICTIONS"))
	if err != nil {
		return 2_000
	}
	return given
}

// A database moves from SQLite to PostgreSQL and back, and is the same to the last row.
func TestMovingHouse(t *testing.T) {
	first := openMigrated(t, "sqlite:"+filepath.Join(t.TempDir(), "first.db"))
	fill(t, first, predictionsToCopy(t))
	if _, err := first.UpdateEmployee(t.Context(), 2, func(e *store.Employee) error { e.DisplayName = "Élodie O'Neil"; return nil }); err != nil {
		t.Fatal(err)
	}
	explained := store.Prediction{
		ID: uuid.NewString(), Kind: store.Simulation, CreateTime: time.Now(), Probability: 0.1 + 0.2, RequestID: "again",
		Explanation: &store.Explanation{Base: -1.25}, RequestedVersion: new("champion"), BatchID: new(uuid.NewString()),
	}
	other := explained
	other.Probability = 0.7
	for _, given := range []store.Prediction{explained, other} { // the second is a conflict
		if _, err := first.RecordPredictions(t.Context(), []store.Prediction{given}, true); err != nil {
			t.Fatal(err)
		}
	}
	nobody := func(string, int64) {}
	second := openMigrated(t, postgresURL(t))
	start := time.Now()
	copied, err := first.CopyTo(t.Context(), second, nobody)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("to PostgreSQL in %s: %+v", time.Since(start).Round(time.Millisecond), copied)
	again, err := first.CopyTo(t.Context(), second, nobody) // as after a try that broke off
	if err != nil || len(again) != len(copied) || again[2] != copied[2] {
		t.Errorf("again: got %+v, %v", again, err)
	}
	third := openMigrated(t, "sqlite:"+filepath.Join(t.TempDir(), "third.db"))
	back, err := second.CopyTo(t.Context(), third, nobody)
	if err != nil {
		t.Fatal(err)
	}
	for i := range copied {
		if back[i] != copied[i] || copied[i].Rows == 0 && copied[i].Table != "alias_changes" {
			t.Errorf("%s: there %+v, and back %+v", copied[i].Table, copied[i], back[i])
		}
	}
	// Both go on where the first one was.
	for name, rows := range map[string]*gormstore.Store{"PostgreSQL": second, "SQLite": third} {
		if err := record(t, rows); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		got, err := rows.Prediction(t.Context(), explained.ID)
		if err != nil || got.Probability != explained.Probability || got.Explanation == nil || got.Explanation.Base != explained.Explanation.Base {
			t.Errorf("%s: got %+v, %v", name, got, err)
		}
		before, err := first.CreateEmployee(t.Context(), store.Employee{})
		if err != nil {
			t.Fatal(err)
		}
		if employee, err := rows.CreateEmployee(t.Context(), store.Employee{}); err != nil || name == "PostgreSQL" && employee.ID != before.ID {
			t.Errorf("%s: the next employee is %+v, %v; in the first it was %d", name, employee, err, before.ID)
		}
	}
	if _, err := first.CopyTo(t.Context(), second, nobody); err == nil {
		t.Error("a database with rows of its own counts as a copy")
	}
}
