package gormstore_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/futurisys/futurisys/services/persistence/internal/store"
	"github.com/futurisys/futurisys/services/persistence/internal/store/gormstore"
)

// All that was answered before a backup ended is in it, whatever goes on meanwhile. When it
// ends is not to be seen from outside: what was answered before it began must be there, and
// some of what was answered since.
func TestABackupHasAllThatWasAnsweredBefore(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "x.db")
	rows := openMigrated(t, "sqlite:"+path)
	fill(t, rows, 2_000)
	var (
		answered sync.Map
		callers  sync.WaitGroup
		ended    = make(chan struct{})
	)
	for range 3 {
		callers.Go(func() {
			for {
				select {
				case <-ended:
					return
				default:
				}
				id := uuid.NewString()
				row := store.Prediction{ID: id, Kind: store.Score, CreateTime: time.Now(), EmployeeID: new(int32(1)), EmployeeGeneration: 1}
				if _, err := rows.RecordPredictions(context.Background(), []store.Prediction{row}, false); err != nil {
					t.Error(err)
					return
				}
				answered.Store(id, nil)
			}
		})
	}
	for answeredSome := false; !answeredSome; time.Sleep(time.Millisecond) {
		answered.Range(func(any, any) bool { answeredSome = true; return false })
	}
	backup := filepath.Join(folder, "backup.db")
	if _, err := rows.UpdateEmployee(t.Context(), 2, func(e *store.Employee) error { e.DisplayName = "Wren Xú"; return nil }); err != nil {
		t.Fatal(err)
	}
	var before []string
	answered.Range(func(id, _ any) bool {
		before = append(before, id.(string))
		return true
	})
	done, err := rows.Backup(t.Context(), backup)
	if err != nil {
		t.Fatal(err)
	}
	close(ended)
	callers.Wait()

	if err := rows.Close(); err != nil {
		t.Fatal(err)
	}
	got, kept, err := gormstore.Restore(t.Context(), backup, "sqlite:"+path)
	if err != nil || got != done.Predictions || kept == "" {
		t.Fatalf("restored %d of %d, %q, %v", got, done.Predictions, kept, err)
	}
	restored := openMigrated(t, "sqlite:"+path)
	if employee, err := restored.Employee(t.Context(), 2); err != nil || employee.DisplayName != "Wren Xú" {
		t.Errorf("got %+v, %v", employee, err)
	}
	found, err := restored.ListEmployees(t.Context(), store.EmployeeQuery{Search: "wren xu", Limit: 5})
	if err != nil || len(found.Rows) != 1 {
		t.Errorf("searched: got %+v, %v", found, err)
	}
	if latest, err := restored.Employee(t.Context(), 1); err != nil || latest.Latest == nil {
		t.Errorf("got %+v, %v", latest, err)
	}
	if err := record(t, restored); err != nil {
		t.Errorf("the restored database takes nothing: %v", err)
	}
	for _, id := range before {
		if _, err := restored.Prediction(t.Context(), id); err != nil {
			t.Errorf("%s was answered before the backup, and is not in it: %v", id, err)
		}
	}
	setAside := open(t, "sqlite:"+kept)
	missing, all := 0, 0
	answered.Range(func(id, _ any) bool {
		all++
		if _, err := restored.Prediction(t.Context(), id.(string)); err != nil {
			missing++
		}
		if _, err := setAside.Prediction(t.Context(), id.(string)); err != nil {
			t.Errorf("%s is not in what was there before: %v", id, err)
		}
		return true
	})
	t.Logf("%d answered, %d of them after the backup's end", all, missing)
	if all-missing <= len(before) {
		t.Error("nothing that was answered meanwhile is in the backup")
	}
}

// What is answered by the time that the last part begins is in the backup: a test of the
// moment itself, with nobody writing after it.
func TestABackupEndsWithWhatIsThere(t *testing.T) {
	folder := t.TempDir()
	rows := openMigrated(t, "sqlite:"+filepath.Join(folder, "x.db"))
	for range 20 {
		if err := record(t, rows); err != nil {
			t.Fatal(err)
		}
	}
	got, err := rows.Backup(t.Context(), filepath.Join(folder, "backup.db"))
	if err != nil || got.Predictions != 20 || time.Since(got.Time) > time.Minute {
		t.Errorf("got %+v, %v", got, err)
	}
}

// A backup of the release after is as good as its schema is.
func TestABackupOfANewerSchema(t *testing.T) {
	folder := t.TempDir()
	for oldest, fits := range map[int64]bool{8: true, 9_999: false} {
		rows := openMigrated(t, fmt.Sprintf("sqlite:%s/%d.db", folder, oldest))
		rows.PretendNewer(t, 9_999, oldest)
		_, err := rows.Backup(t.Context(), fmt.Sprintf("%s/%d.backup", folder, oldest))
		if (err == nil) != fits || err != nil && !errors.Is(err, gormstore.ErrNewerSchema) {
			t.Errorf("for programs from %d: got %v", oldest, err)
		}
	}
}

func TestWhatIsNoBackupIsRefused(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "x.db")
	rows := openMigrated(t, "sqlite:"+path)
	if err := record(t, rows); err != nil {
		t.Fatal(err)
	}
	good := filepath.Join(folder, "good.db")
	if _, err := rows.Backup(t.Context(), good); err != nil {
		t.Fatal(err)
	}
	if _, err := rows.Backup(t.Context(), good); err == nil || !strings.Contains(err.Error(), "is there already") {
		t.Errorf("an older backup is written over: %v", err)
	}
	damaged, text, foreign := filepath.Join(folder, "damaged.db"), filepath.Join(folder, "text"), filepath.Join(folder, "foreign.db")
	content, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	for i := 8_192; i < len(content); i += 4_096 {
		copy(content[i:], "damage that a disk has done to this page")
	}
	if err := errors.Join(os.WriteFile(damaged, content, 0o600), os.WriteFile(text, []byte(strings.Repeat("no database ", 1000)), 0o600)); err != nil {
		t.Fatal(err)
	}
	other, err := sql.Open("sqlite", foreign)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.Exec("CREATE TABLE x (y)"); err != nil {
		t.Fatal(err)
	}
	_ = other.Close()
	if err := rows.Own(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := gormstore.Restore(t.Context(), good, "sqlite:"+path); err == nil || !strings.Contains(err.Error(), "another process serves") {
		t.Errorf("while it is served: got %v", err)
	}
	if err := rows.Close(); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{damaged, text, foreign} {
		_, _, err := gormstore.Restore(t.Context(), bad, "sqlite:"+path)
		if err == nil || !strings.Contains(err.Error(), bad) || strings.Contains(err.Error(), ".partial") {
			t.Errorf("%s: got %v", bad, err)
		}
	}
	absent := filepath.Join(folder, "absent.db")
	if _, _, err := gormstore.Restore(t.Context(), text, "sqlite:"+absent); err == nil {
		t.Errorf("%s is restored", text)
	}
	for _, left := range []string{"*.partial*", "absent.db", "*.before-*"} {
		if found, err := filepath.Glob(filepath.Join(folder, left)); err != nil || len(found) > 0 {
			t.Errorf("%v is left, %v", found, err)
		}
	}
	again := openMigrated(t, "sqlite:"+path)
	if found, err := again.ListPredictions(t.Context(), store.PredictionQuery{Limit: 5}); err != nil || len(found.Rows) != 1 {
		t.Errorf("what was there is gone: %+v, %v", found, err)
	}
}

// snapshot copies a database that is in use, as a killed process would leave it: the newest
// rows are beside the file.
func snapshot(t *testing.T, from, to string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		content, err := os.ReadFile(from + part)
		if err == nil {
			err = os.WriteFile(to+part, content, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// recordedIn is how many predictions a file has.
func recordedIn(t *testing.T, path string) int {
	t.Helper()
	rows, err := gormstore.Open(gormstore.Options{URL: "sqlite:" + path, Existing: true})
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	found, err := rows.ListPredictions(t.Context(), store.PredictionQuery{Limit: 1})
	if err != nil {
		t.Fatal(err)
	}
	return found.Total
}

// What a killed process left beside a file is neither lost nor taken for another file's.
func TestRestoreBesideWhatAKilledProcessLeft(t *testing.T) {
	folder := t.TempDir()
	used, backup := filepath.Join(folder, "used.db"), filepath.Join(folder, "backup.db")
	rows := openMigrated(t, "sqlite:"+used)
	for range 3 {
		if err := record(t, rows); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := rows.Backup(t.Context(), backup); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := record(t, rows); err != nil {
			t.Fatal(err)
		}
	}
	for name, left := range map[string][]string{"whole": {"", "-wal"}, "without its file": {"-wal"}} {
		path := filepath.Join(folder, name+".db")
		snapshot(t, used, path, left...)
		var kept []string
		for range 2 { // also within a second of each other
			got, was, err := gormstore.Restore(t.Context(), backup, "sqlite:"+path)
			if err != nil || got != 3 || recordedIn(t, path) != 3 {
				t.Fatalf("%s: restored %d of 3, on record are %d, %v", name, got, recordedIn(t, path), err)
			}
			kept = append(kept, was)
		}
		if kept[0] == kept[1] || name == "whole" && recordedIn(t, kept[0]) != 5 {
			t.Errorf("%s: kept are %v", name, kept)
		}
	}
	// The way back, from a file whose newest rows are beside it.
	pair, path := filepath.Join(folder, "pair.db"), filepath.Join(folder, "new.db")
	snapshot(t, used, pair, "", "-wal")
	if got, _, err := gormstore.Restore(t.Context(), pair, "sqlite:"+path); err != nil || got != 5 || recordedIn(t, path) != 5 {
		t.Errorf("restored %d of 5, %v", got, err)
	}
}

// Of two backups to one path one comes about, whole, and the other says so.
func TestTwoBackupsToOnePath(t *testing.T) {
	folder := t.TempDir()
	rows := openMigrated(t, "sqlite:"+filepath.Join(folder, "x.db"))
	other := openMigrated(t, "sqlite:"+filepath.Join(folder, "x.db"))
	fill(t, rows, 500)
	for round := range 4 {
		path := filepath.Join(folder, fmt.Sprintf("%d.backup", round))
		var both sync.WaitGroup
		failed := make([]error, 2)
		for i, one := range []*gormstore.Store{rows, other} {
			both.Go(func() { _, failed[i] = one.Backup(t.Context(), path) })
		}
		both.Wait()
		if (failed[0] == nil) == (failed[1] == nil) || !strings.Contains(errors.Join(failed...).Error(), "is there already") {
			t.Errorf("got %v and %v", failed[0], failed[1])
		}
		if got := recordedIn(t, path); got != 500 {
			t.Errorf("it has %d predictions", got)
		}
	}
	if left, err := filepath.Glob(filepath.Join(folder, "*.partial*")); err != nil || len(left) > 0 {
		t.Errorf("%v is left, %v", left, err)
	}
}

// A backup may have any name: also that of a file which a restore would make on its way.
func TestABackupWithTheNameOfAPartIsLeftAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f.db")
	rows := openMigrated(t, "sqlite:"+path)
	if err := record(t, rows); err != nil {
		t.Fatal(err)
	}
	backup := path + ".partial"
	if _, err := rows.Backup(t.Context(), backup); err != nil {
		t.Fatal(err)
	}
	if err := rows.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if got, _, err := gormstore.Restore(t.Context(), backup, "sqlite:"+path); err != nil || got != 1 {
			t.Fatalf("got %d, %v", got, err)
		}
	}
}
