package gormstore_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
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
	erased := store.WithChange(t.Context(), &store.Change{AuditEvent: store.AuditEvent{Action: "EraseEmployee", Filter: "é"}})
	if _, err := first.EraseEmployee(erased, 3, 0); err != nil {
		t.Fatal(err)
	}
	if err := first.CreateKey(t.Context(), store.Key{ID: "a", Name: "a", Owner: "a", Roles: []string{"viewer"}, CreateTime: time.Now(), ExpireTime: new(time.Now())}); err != nil {
		t.Fatal(err)
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
	next, err := first.CreateEmployee(t.Context(), store.Employee{})
	if err != nil {
		t.Fatal(err)
	}
	for name, rows := range map[string]*gormstore.Store{"PostgreSQL": second, "SQLite": third} {
		if err := record(t, rows); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		got, err := rows.Prediction(t.Context(), explained.ID)
		if err != nil || got.Probability != explained.Probability || got.Explanation == nil || got.Explanation.Base != explained.Explanation.Base {
			t.Errorf("%s: got %+v, %v", name, got, err)
		}
		if employee, err := rows.CreateEmployee(t.Context(), store.Employee{}); err != nil || employee.ID != next.ID {
			t.Errorf("%s: the next employee is %+v, %v; in the first it was %d", name, employee, err, next.ID)
		}
	}
	if _, err := first.CopyTo(t.Context(), second, nobody); err == nil {
		t.Error("a database with rows of its own counts as a copy")
	}
}

// What another database has of its own is not touched, whatever it is.
func TestADatabaseWithRowsOfItsOwnIsLeftAsItIs(t *testing.T) {
	from := openMigrated(t, "sqlite:"+filepath.Join(t.TempDir(), "from.db"))
	fill(t, from, 100)
	nobody := func(string, int64) {}
	for name, change := range map[string]func(*gormstore.Store) error{
		"an employee": func(to *gormstore.Store) error {
			_, err := to.CreateEmployee(t.Context(), store.Employee{})
			return err
		},
		"a prediction": func(to *gormstore.Store) error { return record(t, to) },
		"an alias": func(to *gormstore.Store) error {
			return to.AppendAliasChanges(t.Context(), "r", "m", 0, []store.AliasChange{{Alias: "champion", To: 1, ChangeTime: time.Now()}})
		},
	} {
		for _, address := range []string{"sqlite:" + filepath.Join(t.TempDir(), "to.db"), postgresURL(t)} {
			to := openMigrated(t, address)
			if err := change(to); err != nil {
				t.Fatal(err)
			}
			if _, err := from.CopyTo(t.Context(), to, nobody); err == nil || !strings.Contains(err.Error(), "rows of its own") {
				t.Errorf("%s of %s: got %v", name, to.Dialect(), err)
			}
			employees, err := to.ListEmployees(t.Context(), store.EmployeeQuery{Limit: 5})
			if err != nil || employees.Total > 1 {
				t.Errorf("%s of %s: there are %d employees, %v", name, to.Dialect(), employees.Total, err)
			}
			next, err := to.CreateEmployee(t.Context(), store.Employee{})
			if err != nil || next.ID > 2 {
				t.Errorf("%s of %s: the counter is at %+v, %v", name, to.Dialect(), next, err)
			}
		}
	}
}

// A database of another program is told from one that is empty.
func TestADatabaseOfAnotherProgramIsTold(t *testing.T) {
	for _, address := range []string{"sqlite:" + filepath.Join(t.TempDir(), "x.db"), postgresURL(t)} {
		empty, _ := openWith(t, gormstore.Options{URL: address})
		if err := empty.Foreign(t.Context()); err != nil {
			t.Errorf("%s, empty: got %v", empty.Dialect(), err)
		}
		empty.Execute(t, "CREATE TABLE theirs (a integer)")
		if err := empty.Foreign(t.Context()); err == nil || !strings.Contains(err.Error(), "theirs") {
			t.Errorf("%s, another's: got %v", empty.Dialect(), err)
		}
		ours := openMigrated(t, address)
		if err := ours.Foreign(t.Context()); err != nil {
			t.Errorf("%s, ours: got %v", ours.Dialect(), err)
		}
	}
}

// A copy that broke off goes on where it was; who writes meanwhile makes it another one.
func TestACopyThatBrokeOffGoesOn(t *testing.T) {
	from := openMigrated(t, "sqlite:"+filepath.Join(t.TempDir(), "from.db"))
	fill(t, from, 3_500)
	to := openMigrated(t, postgresURL(t))
	ctx, cancel := context.WithCancel(t.Context())
	var done []int64
	stop := func(table string, rows int64) {
		if table == "predictions" && rows >= 2_000 {
			cancel()
		}
	}
	if _, err := from.CopyTo(ctx, to, stop); err == nil {
		t.Fatal("it was not broken off")
	}
	if _, err := from.CopyTo(t.Context(), to, func(table string, rows int64) {
		if table == "predictions" {
			done = append(done, rows)
		}
	}); err != nil {
		t.Fatal(err)
	}
	if last := done[len(done)-1]; last > 2_000 {
		t.Errorf("%d predictions were copied again", last)
	}
}

func TestACopyKnowsWhoServesADatabase(t *testing.T) {
	for _, address := range []string{"sqlite:" + filepath.Join(t.TempDir(), "x.db"), postgresURL(t)} {
		served := openMigrated(t, address)
		server, _ := openWith(t, gormstore.Options{URL: address, Name: gormstore.ServerName})
		if err := errors.Join(server.Own(), server.Ping(t.Context())); err != nil {
			t.Fatal(err)
		}
		if err := served.Alone(t.Context()); err == nil || !strings.Contains(err.Error(), "another process serves") {
			t.Errorf("%s: got %v", served.Dialect(), err)
		}
		if err := server.Close(); err != nil {
			t.Fatal(err)
		}
		if err := eventually(func() error { return served.Alone(t.Context()) }); err != nil {
			t.Errorf("%s, not served: got %v", served.Dialect(), err)
		}
	}
}

// eventually tries for a while until there is no error: a server's end shows late.
func eventually(try func() error) (err error) {
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if err = try(); err == nil {
			return nil
		}
	}
	return err
}

// One database may have several names.
func TestOneDatabaseByTwoNamesIsOne(t *testing.T) {
	address := postgresURL(t)
	other := strings.Replace(address, "127.0.0.1", "localhost", 1)
	if other == address {
		t.Fatalf("%s has no address to call otherwise", address)
	}
	one, same, another := openMigrated(t, address), openMigrated(t, other), openMigrated(t, postgresURL(t))
	file := openMigrated(t, "sqlite:"+filepath.Join(t.TempDir(), "x.db"))
	for name, test := range map[string]struct {
		other *gormstore.Store
		want  bool
	}{"by another name": {same, true}, "beside it": {another, false}, "a file": {file, false}} {
		if got, err := one.SameAs(t.Context(), test.other); err != nil || got != test.want {
			t.Errorf("%s: got %v, %v", name, got, err)
		}
	}
}
