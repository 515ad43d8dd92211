package gormstore_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/futurisys/futurisys/services/persistence/internal/store"
	"github.com/futurisys/futurisys/services/persistence/internal/store/gormstore"
)

// A large import took SQLite's one writer for as long as it lasted, and predictions waited.
func TestPredictionsAreRecordedDuringALargeImport(t *testing.T) {
	rows := openMigrated(t, "sqlite:"+filepath.Join(t.TempDir(), "x.db"))
	const many = 10_000
	employees := make([]store.Employee, many)
	for i := range employees {
		employees[i] = store.Employee{ID: int32(i + 1), Profile: store.Profile{Age: new(int32(40)), Department: new("Consulting")}}
	}
	imported := make(chan error, 1)
	begun := make(chan struct{})
	go func() {
		first := true
		counts, err := rows.ImportEmployees(context.Background(), employees, true, func(int) {
			if first {
				close(begun)
			}
			first = false
		})
		if err == nil && counts.Created != many {
			err = errors.New("not all are created")
		}
		imported <- err
	}()
	<-begun
	var longest time.Duration
	meanwhile := 0
	for done := false; !done; meanwhile++ {
		select {
		case err := <-imported:
			if err != nil {
				t.Fatal(err)
			}
			done = true
		default:
		}
		start := time.Now()
		if _, err := rows.RecordPredictions(t.Context(), []store.Prediction{{ID: uuid.NewString(), CreateTime: time.Now()}}, false); err != nil {
			t.Fatal(err)
		}
		longest = max(longest, time.Since(start))
		time.Sleep(5 * time.Millisecond)
	}
	t.Logf("%d predictions were recorded meanwhile, the slowest in %s", meanwhile, longest)
	if meanwhile < 10 {
		t.Errorf("only %d predictions were recorded meanwhile", meanwhile)
	}
}

// What changes between the comparison and the writing is compared again.
func TestAnImportSeesWhatChangedMeanwhile(t *testing.T) {
	for dialect, address := range urls(t) {
		rows := openMigrated(t, address)
		if _, err := rows.CreateEmployee(t.Context(), store.Employee{ID: 1, DisplayName: "before", Profile: store.Profile{Age: new(int32(30))}}); err != nil {
			t.Fatal(err)
		}
		changed := false
		counts, err := rows.ImportEmployees(t.Context(), []store.Employee{{ID: 1, Profile: store.Profile{Age: new(int32(31))}}}, true, func(int) {
			if changed || dialect == gormstore.Postgres { // which has the row locked by now
				return
			}
			changed = true
			if _, err := rows.UpdateEmployee(t.Context(), 1, func(e *store.Employee) error { e.DisplayName = "meanwhile"; return nil }); err != nil {
				t.Error(err)
			}
		})
		if err != nil || counts.Updated != 1 {
			t.Fatalf("%s: got %+v, %v", dialect, counts, err)
		}
		got, err := rows.Employee(t.Context(), 1)
		if err != nil {
			t.Fatal(err)
		}
		want := "meanwhile"
		if dialect == gormstore.Postgres {
			want = "before"
		}
		if got.DisplayName != want || *got.Profile.Age != 31 {
			t.Errorf("%s: got %+v", dialect, got)
		}
	}
}
