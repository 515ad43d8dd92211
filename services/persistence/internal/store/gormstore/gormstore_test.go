package gormstore_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/futurisys/futurisys/services/persistence/internal/store"
	"github.com/futurisys/futurisys/services/persistence/internal/store/gormstore"
	"github.com/futurisys/futurisys/services/persistence/internal/store/storetest"
	"github.com/futurisys/futurisys/services/platform/pgtest"
)

var (
	server    *pgtest.Server
	databases atomic.Int32
)

func TestMain(m *testing.M) {
	var err error
	if server, err = pgtest.Start(); err != nil {
		fmt.Fprintln(os.Stderr, "PostgreSQL is needed:", err)
		os.Exit(1)
	}
	code := m.Run()
	if err := server.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// urls gives each test an empty database of each dialect.
func urls(t testing.TB) map[string]string {
	t.Helper()
	return map[string]string{
		gormstore.SQLite:   "sqlite:" + filepath.Join(t.TempDir(), "a folder? #1", "test.db"),
		gormstore.Postgres: postgresURL(t),
	}
}

func postgresURL(t testing.TB) string {
	t.Helper()
	name := fmt.Sprintf("gormstore_%d_%d", os.Getpid(), databases.Add(1))
	execute(t, server.URL, "CREATE DATABASE "+name)
	t.Cleanup(func() { execute(t, server.URL, "DROP DATABASE "+name+" WITH (FORCE)") })
	url, err := server.Database(name)
	if err != nil {
		t.Fatal(err)
	}
	return url
}

func execute(t testing.TB, url, statement string) {
	t.Helper()
	ctx := context.Background() // also in a clean-up, when the test's is over
	connection, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close(ctx)
	if _, err := connection.Exec(ctx, statement); err != nil {
		t.Fatal(err)
	}
}

// openMigrated opens a database at the newest schema.
func openMigrated(t testing.TB, url string) *gormstore.Store {
	t.Helper()
	rows, err := gormstore.Open(gormstore.Options{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = rows.Close() })
	if err := rows.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return rows
}

func open(t *testing.T, url string) *gormstore.Store {
	t.Helper()
	rows, err := gormstore.Open(gormstore.Options{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := rows.Close(); err != nil {
			t.Error(err)
		}
	})
	return rows
}

func TestStore(t *testing.T) {
	for _, dialect := range []string{gormstore.SQLite, gormstore.Postgres} {
		t.Run(dialect, func(t *testing.T) {
			storetest.Run(t, func(t *testing.T) store.Store {
				t.Helper()
				rows := open(t, urls(t)[dialect])
				if err := rows.Migrate(t.Context()); err != nil {
					t.Fatal(err)
				}
				return rows
			})
		})
	}
}

// A migration that works on an empty database only is found out in production:
// each is taken back and forth with rows in the tables.
func TestMigrationsGoForthAndBackWithRows(t *testing.T) {
	for dialect, url := range urls(t) {
		t.Run(dialect, func(t *testing.T) {
			rows := open(t, url)
			if err := rows.Migrate(t.Context()); err != nil {
				t.Fatal(err)
			}
			newest := versionOf(t, rows)
			if _, err := rows.CreateEmployee(t.Context(), store.Employee{ID: 1}); err != nil {
				t.Fatal(err)
			}
			for version := newest; version > 0; version-- {
				if err := rows.MigrateDown(t.Context()); err != nil {
					t.Fatalf("down from %d: %v", version, err)
				}
				if current := versionOf(t, rows); current != version-1 {
					t.Fatalf("down from %d leads to %d", version, current)
				}
			}
			if err := rows.Migrate(t.Context()); err != nil || versionOf(t, rows) != newest {
				t.Fatalf("up again leads to %d, %v", versionOf(t, rows), err)
			}
			if _, err := rows.CreateEmployee(t.Context(), store.Employee{ID: 1}); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func versionOf(t *testing.T, rows *gormstore.Store) int64 {
	t.Helper()
	schema, err := rows.Schema(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return schema.Current
}

// A program of the release before works with a schema that only has more, and says that it
// is too old for one that has less.
func TestAnOlderProgramKnowsWhetherItIsTooOld(t *testing.T) {
	for dialect, url := range urls(t) {
		rows := openMigrated(t, url)
		newest := versionOf(t, rows)
		for oldest, works := range map[int64]bool{newest: true, newest + 1: false} {
			rows.PretendNewer(t, newest+1, oldest)
			schema, err := rows.Schema(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if err := schema.Check(); (err == nil) != works || !works && !errors.Is(err, gormstore.ErrNewerSchema) {
				t.Errorf("%s: for programs from %d: got %v", dialect, oldest, err)
			}
			if err := rows.Migrate(t.Context()); err != nil {
				t.Errorf("%s: got %v", dialect, err)
			}
			if err := rows.MigrateDown(t.Context()); !errors.Is(err, gormstore.ErrNewerSchema) {
				t.Errorf("%s: it takes back what it does not know: %v", dialect, err)
			}
		}
		if got := versionOf(t, rows); got != newest+1 {
			t.Errorf("%s: the schema is version %d now", dialect, got)
		}
	}
}

func TestProcessesMayMigrateAtOnce(t *testing.T) {
	url := postgresURL(t)
	failures := make(chan error, 4)
	for range cap(failures) {
		rows := open(t, url)
		go func() {
			failures <- rows.Migrate(context.Background())
		}()
	}
	for range cap(failures) {
		if err := <-failures; err != nil {
			t.Error(err)
		}
	}
}

func TestOpenRefusesWithTheKeyAndWithoutThePassword(t *testing.T) {
	for _, url := range []string{"", "mysql://x", "sqlite:", "postgres://user:geheim@[::bad/db", "postgres://user:geheim@127.0.0.1:1/db"} {
		_, err := gormstore.Open(gormstore.Options{URL: url})
		if err == nil || !strings.Contains(err.Error(), "DATABASE_URL") {
			t.Errorf("%q: got %v, want an error that names DATABASE_URL", url, err)
		}
		if err != nil && strings.Contains(err.Error(), "geheim") {
			t.Errorf("%q: the password is in the error: %v", url, err)
		}
	}
}

// What the database cannot do now is told from what it will never do: the one is
// tried again, the other is not.
func TestDatabaseThatIsAwayIsSaid(t *testing.T) {
	own, err := pgtest.StartOwn()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := own.Stop(); err != nil {
			t.Error(err)
		}
	})
	rows := openMigrated(t, own.URL)
	row := []store.Prediction{{ID: "00000000-0000-4000-8000-000000000001", CreateTime: time.Now()}}
	own.Halt()
	for name, err := range map[string]error{
		"record": func() error { _, err := rows.RecordPredictions(t.Context(), row, false); return err }(),
		"read":   func() error { _, err := rows.Employee(t.Context(), 1); return err }(),
		"list":   func() error { _, err := rows.ListPredictions(t.Context(), store.PredictionQuery{Limit: 1}); return err }(),
		"create": func() error { _, err := rows.CreateEmployee(t.Context(), store.Employee{ID: 1}); return err }(),
	} {
		if !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if err := own.Restart(); err != nil {
		t.Fatal(err)
	}
	if recorded, err := rows.RecordPredictions(t.Context(), row, false); err != nil || recorded.Added != 1 {
		t.Errorf("after the restart: %+v, %v", recorded, err)
	}
}

func TestFullDiskIsAway(t *testing.T) {
	path := filepath.Join(t.TempDir(), "full.db")
	openMigrated(t, "sqlite:"+path)
	database, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer database.Close()
	database.SetMaxOpenConns(1)
	// A file that may not grow is what a full disk looks like to SQLite.
	if _, err := database.Exec("PRAGMA max_page_count = 1"); err != nil {
		t.Fatal(err)
	}
	_, err = database.Exec("CREATE TABLE filler AS SELECT randomblob(100000)")
	if err == nil || !errors.Is(gormstore.Classify(err), store.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
}

// A table that was filled and never analysed is analysed, once.
func TestFilledTablesAreAnalysed(t *testing.T) {
	url := postgresURL(t)
	rows := openMigrated(t, url)
	fill(t, rows, 15_000)
	database, err := sql.Open("pgx", url)
	if err != nil {
		t.Fatal(err)
	}
	defer database.Close()
	analysed := func() (count int) {
		if err := database.QueryRow("SELECT count(*) FROM pg_stat_user_tables WHERE last_analyze IS NOT NULL OR last_autoanalyze IS NOT NULL").Scan(&count); err != nil {
			t.Fatal(err)
		}
		return count
	}
	// The server counts rows with a delay.
	for deadline := time.Now().Add(20 * time.Second); analysed() < 3; time.Sleep(200 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d tables are analysed", analysed())
		}
		if err := rows.AnalyseNew(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}
