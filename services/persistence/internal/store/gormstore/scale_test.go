package gormstore_test

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/futurisys/futurisys/services/persistence/internal/store"
	"github.com/futurisys/futurisys/services/persistence/internal/store/gormstore"
)

// TestScale fills both databases and prints how long each list takes: the first page and
// one far behind, before the database has analysed its tables and after. It is no test of
// time: `make bench-scale` sets SCALE_ROWS to a million, and a run without it holds the
// same lists to what they must contain, on few rows.
func TestScale(t *testing.T) {
	rows := 2_000
	if given, err := strconv.Atoi(os.Getenv("SCALE_ROWS")); err == nil {
		rows = given
	}
	for _, dialect := range []string{gormstore.Postgres, gormstore.SQLite} {
		t.Run(dialect, func(t *testing.T) {
			url := urls(t)[dialect]
			s := openMigrated(t, url)
			start := time.Now()
			fill(t, s, rows)
			fmt.Printf("%s: %d predictions of %d employees in %s\n", dialect, rows, rows/10, time.Since(start).Round(time.Second))
			fresh := timeLists(t, s, rows)
			analyse(t, dialect, url)
			analysed := timeLists(t, s, rows)
			for _, name := range slices.Sorted(maps.Keys(fresh)) {
				fmt.Printf("%-10s %-42s fresh %8s   analysed %8s\n", dialect, name, fresh[name], analysed[name])
			}
		})
	}
}

// fill puts employees and their predictions on record, as recording does.
func fill(t *testing.T, s *gormstore.Store, rows int) {
	t.Helper()
	departments := []string{"Commercial", "Consulting", "Ressources Humaines"}
	names := []string{"Élodie", "Zoé", "Jean-Pierre", "Anaïs", "Marie", "Łukasz", "Noël", "Inès", "Paul", "Aya"}
	employees := make([]store.Employee, rows/10)
	for i := range employees {
		employees[i] = store.Employee{
			ID: int32(i + 1), DisplayName: fmt.Sprintf("%s Martin-%d", names[i%len(names)], i),
			Profile: store.Profile{Department: &departments[i%3], JobTitle: new(fmt.Sprintf("Poste %d", i%500)), Age: new(int32(20 + i%45))},
		}
	}
	for part := range slices.Chunk(employees, 10_000) {
		if _, err := s.ImportEmployees(t.Context(), part, true, func(int) {}); err != nil {
			t.Fatal(err)
		}
	}
	named := employees[0]
	if _, err := s.UpdateEmployee(t.Context(), named.ID, func(e *store.Employee) error {
		e.DisplayName = "Élodie Martin"
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	found, err := s.Employee(t.Context(), 2)
	if err != nil {
		t.Fatal(err)
	}
	begin := time.Now().Add(-300 * 24 * time.Hour).UTC().Truncate(time.Microsecond)
	batch := make([]store.Prediction, 0, 1000)
	for i := range rows {
		probability := float64((i*7919)%10_000) / 10_000
		band := "LOW"
		if probability > 0.5 {
			band = "HIGH"
		} else if probability > 0.2 {
			band = "MODERATE"
		}
		p := store.Prediction{
			ID: uuid.Must(uuid.NewV7()).String(), Model: "attrition", ModelVersion: int32(1 + i%50/49), ModelRevision: "sha256:abc",
			Probability: probability, Threshold: 0.32, PredictedLabel: "stays", RiskBand: band, Profile: employees[i%len(employees)].Profile,
			CreateTime: begin.Add(time.Duration(i) * 20 * time.Second), Kind: store.Score, ProfileSource: store.FromRecord,
			EmployeeID: new(int32(i%len(employees) + 1)), EmployeeGeneration: found.Generation,
		}
		if batch = append(batch, p); len(batch) == cap(batch) || i == rows-1 {
			if _, err := s.RecordPredictions(t.Context(), batch, false); err != nil {
				t.Fatal(err)
			}
			batch = batch[:0]
		}
	}
}

func analyse(t *testing.T, dialect, url string) {
	t.Helper()
	driver := map[string]string{gormstore.Postgres: "pgx", gormstore.SQLite: "sqlite"}[dialect]
	database, err := sql.Open(driver, strings.TrimPrefix(url, "sqlite:"))
	if err != nil {
		t.Fatal(err)
	}
	defer database.Close()
	if _, err := database.ExecContext(t.Context(), "ANALYZE"); err != nil {
		t.Fatal(err)
	}
}

// timeLists takes the median of five reads of each list.
func timeLists(t *testing.T, s *gormstore.Store, rows int) map[string]time.Duration {
	t.Helper()
	out := map[string]time.Duration{}
	begin := time.Now().Add(-300 * 24 * time.Hour)
	middle := begin.Add(time.Duration(rows/2) * 20 * time.Second)
	for name, query := range map[string]store.PredictionQuery{
		"predictions": {}, "predictions, ascending": {Ascending: true}, "predictions, with the one before": {Previous: true},
		"predictions by band": {RiskBand: "HIGH"}, "predictions by model": {Model: "attrition"}, "predictions by another model": {Model: "other"},
		"predictions by version": {Model: "attrition", ModelVersion: 2}, "predictions from a time": {From: middle}, "predictions to a time": {To: middle},
		"predictions of at least 0.5": {MinProbability: 0.5}, "predictions of at least 0.9": {MinProbability: 0.9}, "predictions of at least 0.9995": {MinProbability: 0.9995},
		"predictions of an employee": {EmployeeID: 7}, "predictions in their sequence": {Order: store.ByCommitSequence},
	} {
		query.Limit = 50
		measure(t, out, name, func() (matched int) {
			page, err := s.ListPredictions(t.Context(), query)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			return len(page.Rows)
		}, name != "predictions by another model")
		far := query
		far.After = &store.PredictionKey{CreateTime: middle, ID: uuid.NewString(), CommitSequence: int64(rows / 2)}
		measure(t, out, name+", far behind", func() int {
			page, err := s.ListPredictions(context.Background(), far)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			return len(page.Rows)
		}, false)
	}
	for name, query := range map[string]store.EmployeeQuery{
		"employees": {}, "employees by update": {Order: store.ByUpdate, Descending: true},
		"employees by score": {Order: store.ByProbability, Descending: true}, "employees by score, ascending": {Order: store.ByProbability},
		"employees by band": {RiskBand: "HIGH"}, "employees by department": {Department: "Consulting"}, "employees by job title": {JobTitle: "Poste 7"},
		"search elodie martin": {Search: "Élodie Martin"}, "search zoe": {Search: "zoe"}, "search el": {Search: "el"}, "search z": {Search: "z"},
		"search qx": {Search: "qx"}, "search martin": {Search: "martin"},
	} {
		query.Limit = 50
		measure(t, out, name, func() int {
			page, err := s.ListEmployees(t.Context(), query)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			return len(page.Rows)
		}, name != "search qx")
	}
	return out
}

func measure(t *testing.T, into map[string]time.Duration, name string, read func() int, some bool) {
	t.Helper()
	times := make([]time.Duration, 5)
	for i := range times {
		start := time.Now()
		if matched := read(); some && matched == 0 {
			t.Errorf("%s: nothing is listed", name)
		}
		times[i] = time.Since(start)
	}
	slices.Sort(times)
	into[name] = times[len(times)/2].Round(10 * time.Microsecond)
}
