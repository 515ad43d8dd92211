package gormstore_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/futurisys/futurisys/services/persistence/internal/store"
	"github.com/futurisys/futurisys/services/persistence/internal/store/gormstore"
)

// Nothing in SQLite's files reminds of an erased person: neither in free pages, nor in the
// index of the search, nor in the log beside.
func TestErasedIsInNoFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "here.db")
	rows := openMigrated(t, "sqlite:"+path)
	const name, field, reason = "Quetzalcoatlus Zwyntrowski", "Palaeontology of flight", "unmistakable-feature"
	for id := range int32(50) {
		if _, err := rows.CreateEmployee(t.Context(), store.Employee{ID: id + 1, DisplayName: "Somebody Else", Profile: store.Profile{FieldOfStudy: new("Else")}}); err != nil {
			t.Fatal(err)
		}
	}
	hers, err := rows.CreateEmployee(t.Context(), store.Employee{DisplayName: name, Profile: store.Profile{FieldOfStudy: new(field)}})
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		if _, err := rows.RecordPredictions(t.Context(), []store.Prediction{{
			ID: uuid.NewString(), Kind: store.Score, CreateTime: time.Now(), EmployeeID: &hers.ID, EmployeeGeneration: hers.Generation, Profile: hers.Profile,
			Explanation: &store.Explanation{Contributions: []store.Contribution{{Feature: reason}}},
		}}, false); err != nil {
			t.Fatal(err)
		}
	}
	found := func() (in []string) {
		for _, file := range []string{path, path + "-wal", path + "-shm"} {
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			content = bytes.ToLower(content)
			for _, text := range []string{"quetzalcoatlus", "zwyntrowski", "palaeontology", reason, "quetz"} {
				if bytes.Contains(content, []byte(text)) {
					in = append(in, filepath.Base(file)+": "+text)
				}
			}
		}
		return in
	}
	if in := found(); len(in) < 4 {
		t.Fatalf("she is not in the files: %v", in)
	}
	if _, err := rows.EraseEmployee(t.Context(), hers.ID, 0); err != nil {
		t.Fatal(err)
	}
	if in := found(); len(in) != 0 {
		t.Errorf("she is still in %v", in)
	}
}

// Audit events stay as they are, whoever has the database.
func TestAuditEventsStay(t *testing.T) {
	for name, url := range urls(t) {
		t.Run(name, func(t *testing.T) {
			rows := openMigrated(t, url)
			young, old := time.Now().Add(-300*24*time.Hour), time.Now().Add(-3000*24*time.Hour)
			if err := rows.AppendAuditEvents(t.Context(), []store.AuditEvent{{Action: "young", Time: young}, {Action: "old", Time: old}}); err != nil {
				t.Fatal(err)
			}
			for _, statement := range []string{"UPDATE audit_events SET principal = 'x'", "DELETE FROM audit_events"} {
				if err := rows.TryExecute(t.Context(), statement); err == nil {
					t.Errorf("%s: done", statement)
				}
			}
			recent, past := time.Now().Add(-time.Hour), time.Now().Add(-300*24*time.Hour)
			person, err := rows.CreateEmployee(t.Context(), store.Employee{})
			if err != nil {
				t.Fatal(err)
			}
			var ids []string
			for _, when := range []time.Time{past, recent} {
				for _, kind := range []store.Kind{store.Score, store.Simulation} {
					ids = append(ids, uuid.NewString())
					p := store.Prediction{ID: ids[len(ids)-1], Kind: kind, CreateTime: when}
					if when.Equal(past) {
						p.EmployeeID, p.EmployeeGeneration = &person.ID, person.Generation
					}
					if _, err := rows.RecordPredictions(t.Context(), []store.Prediction{p}, false); err != nil {
						t.Fatal(err)
					}
				}
			}
			removed, err := rows.RemoveOld(t.Context(), gormstore.Retention{Predictions: 200 * 24 * time.Hour, AuditEvents: 400 * 24 * time.Hour}, time.Now())
			if err != nil || removed != 3 {
				t.Errorf("got %d, %v", removed, err)
			}
			for i, id := range ids {
				if _, err := rows.Prediction(t.Context(), id); (err == nil) != (i >= 2) {
					t.Errorf("prediction %d: %v", i, err)
				}
			}
			if got, err := rows.Employee(t.Context(), person.ID); err != nil || got.Latest != nil {
				t.Errorf("the newest score stays: %+v, %v", got, err)
			}
			if page, err := rows.ListAuditEvents(t.Context(), store.AuditQuery{Limit: 10}); err != nil || len(page.Rows) != 1 || page.Rows[0].Action != "young" {
				t.Errorf("got %+v, %v", page, err)
			}
		})
	}
}
