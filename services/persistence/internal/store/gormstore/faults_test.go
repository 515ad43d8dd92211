package gormstore_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/futurisys/futurisys/services/persistence/internal/store"
	"github.com/futurisys/futurisys/services/persistence/internal/store/gormstore"
)

func record(t *testing.T, rows *gormstore.Store) error {
	t.Helper()
	_, err := rows.RecordPredictions(t.Context(), []store.Prediction{{ID: uuid.NewString(), CreateTime: time.Now()}}, false)
	return err
}

// openWith opens a database at the newest schema, with metrics.
func openWith(t *testing.T, options gormstore.Options) (*gormstore.Store, *prometheus.Registry) {
	t.Helper()
	registry := prometheus.NewRegistry()
	options.Registry = registry
	rows, err := gormstore.Open(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = rows.Close() })
	return rows, registry
}

// counted fails the test unless errors of a class were counted.
func counted(t *testing.T, registry *prometheus.Registry, class string) {
	t.Helper()
	if counts(t, registry)[class] == 0 {
		t.Errorf("no error of class %s is counted", class)
	}
}

// counts are how many errors of each class were counted.
func counts(t *testing.T, registry *prometheus.Registry) map[string]float64 {
	t.Helper()
	found, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]float64{}
	for _, family := range found {
		for _, metric := range family.GetMetric() {
			if family.GetName() == "futurisys_database_errors_total" {
				out[metric.GetLabel()[0].GetValue()] = metric.GetCounter().GetValue()
			}
		}
	}
	return out
}

func TestPathsThatAreNoDatabaseAreSaid(t *testing.T) {
	folder := t.TempDir()
	text := filepath.Join(folder, "text.db")
	if err := os.WriteFile(text, []byte(strings.Repeat("this is no database ", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct{ path, want string }{
		"a folder":                  {folder, "is a directory"},
		"two folders that are none": {filepath.Join(folder, "a", "b", "x.db"), "no such file or directory"},
		"a URL's slashes":           {"//x.db", "sqlite:PATH"},
		"options":                   {filepath.Join(folder, "x.db?mode=ro"), "without options"},
		"a file as a folder":        {filepath.Join(text, "x.db"), "not a directory"},
		"another file":              {text, "not a database"},
	} {
		rows, err := gormstore.Open(gormstore.Options{URL: "sqlite:" + test.path})
		if err == nil {
			err = rows.Migrate(t.Context())
			_ = rows.Close()
		}
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v", name, err)
		}
		if errors.Is(err, store.ErrUnavailable) && !errors.Is(err, store.ErrDamaged) {
			t.Errorf("%s: it is waited for: %v", name, err)
		}
	}
	missing := filepath.Join(folder, "missing.db")
	if _, err := gormstore.Open(gormstore.Options{URL: "sqlite:" + missing, Key: "--from", Existing: true}); err == nil || !strings.HasPrefix(err.Error(), "--from: ") {
		t.Errorf("a source that is not there: got %v", err)
	}
	if _, err := os.Stat(missing); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a source is made: %v", err)
	}
	path := filepath.Join(folder, "new", "x.db")
	openMigrated(t, "sqlite:"+path)
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("others may read the file: %v, %v", info.Mode(), err)
	}
}

// SQLite goes on writing into a file that is there no more, and it is all gone later.
func TestAFileThatIsRemovedIsNoticed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	rows := openMigrated(t, "sqlite:"+path)
	if err := errors.Join(rows.Ping(t.Context()), record(t, rows)); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	for what, err := range map[string]error{"ping": rows.Ping(t.Context()), "record": record(t, rows)} {
		if !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), "removed or replaced") {
			t.Errorf("%s: got %v", what, err)
		}
	}
}

func TestOneProcessServesAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	first, second := openMigrated(t, "sqlite:"+path), openMigrated(t, "sqlite:"+path)
	if err := first.Own(); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "link.db")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	for name, other := range map[string]*gormstore.Store{"the file": second, "a link": openMigrated(t, "sqlite:"+link)} {
		if err := other.Own(); err == nil || !strings.Contains(err.Error(), "another process serves") {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if err := second.Own(); err != nil {
		t.Errorf("after the first has ended: got %v", err)
	}
}

// SQLite keeps the newest rows beside the name by which a file was opened: under another one
// they are not to be seen.
func TestAFileHasOneName(t *testing.T) {
	folder := t.TempDir()
	path, link := filepath.Join(folder, "x.db"), filepath.Join(folder, "link.db")
	if err := errors.Join(openMigrated(t, "sqlite:"+path).Close(), os.Link(path, link)); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{path, link} {
		if _, err := gormstore.Open(gormstore.Options{URL: "sqlite:" + name}); err == nil || !strings.Contains(err.Error(), "hard links") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// A process is not ready while no row can be written, and is again when one can.
func TestAFullDiskIsNotReady(t *testing.T) {
	rows, registry := openWith(t, gormstore.Options{URL: "sqlite:" + filepath.Join(t.TempDir(), "x.db")})
	if err := rows.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := rows.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	rows.SetMaxPages(t, 1)
	var err error
	for range 1_000 { // the pages that there are have some room left
		if err = record(t, rows); err != nil {
			break
		}
	}
	if !errors.Is(err, store.ErrUnavailable) {
		t.Fatalf("full: got %v", err)
	}
	counted(t, registry, "disk_full")
	if got := counts(t, registry)["other"]; got != 0 {
		t.Errorf("%v errors are counted of no class", got)
	}
	rows.SetMaxPages(t, 1<<30)
	if err := rows.Ping(t.Context()); err != nil {
		t.Errorf("there is room again: got %v", err)
	}
	if err := record(t, rows); err != nil {
		t.Error(err)
	}
}

// One row that changes needs no room that is not there already: a process that was refused a
// row is ready again when there is room for many.
func TestReadyIsWithRoomForRows(t *testing.T) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	signal.Ignore(syscall.SIGXFSZ)
	defer signal.Reset(syscall.SIGXFSZ)
	rows, _ := openWith(t, gormstore.Options{URL: "sqlite:" + filepath.Join(t.TempDir(), "x.db")})
	if err := rows.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	// No file may be larger, which is what a disk with so much room looks like.
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 2 << 20, Max: limit.Max}); err != nil {
		t.Fatal(err)
	}
	err := rows.Ping(t.Context())
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	if !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), "disk_full") {
		t.Errorf("without room: got %v", err)
	}
}

func TestAReadOnlyServerIsRead(t *testing.T) {
	address := postgresURL(t)
	openMigrated(t, address)
	parsed, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	query := parsed.Query()
	query.Set("options", "-c default_transaction_read_only=on")
	parsed.RawQuery = strings.ReplaceAll(query.Encode(), "+", "%20") // PostgreSQL takes a + as it is
	rows, registry := openWith(t, gormstore.Options{URL: parsed.String()})
	if _, err := rows.ListPredictions(t.Context(), store.PredictionQuery{Limit: 1}); err != nil {
		t.Errorf("read: got %v", err)
	}
	for what, err := range map[string]error{"record": record(t, rows), "ping": rows.Ping(t.Context())} {
		if !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("%s: got %v", what, err)
		}
	}
	counted(t, registry, "read_only")
}

// That a session may not write is a default that it keeps from its beginning: when the
// server's is another one, it has to begin anew.
func TestAReadOnlyServerThatIsNoMore(t *testing.T) {
	address := postgresURL(t)
	openMigrated(t, address)
	parsed, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	name := strings.TrimPrefix(parsed.Path, "/")
	parsed.Path = "/postgres" // what is read-only does not take it back
	readOnly := func(value string) {
		execute(t, parsed.String(), fmt.Sprintf("ALTER DATABASE %s SET default_transaction_read_only = %s", name, value))
	}
	for what, notice := range map[string]func(*gormstore.Store) error{
		"record": func(rows *gormstore.Store) error { return record(t, rows) },
		"ping":   func(rows *gormstore.Store) error { return rows.Ping(t.Context()) },
	} {
		readOnly("on")
		rows, _ := openWith(t, gormstore.Options{URL: address})
		if err := notice(rows); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("%s, read-only: got %v", what, err)
		}
		readOnly("off")
		if err := errors.Join(rows.Ping(t.Context()), record(t, rows)); err != nil {
			t.Errorf("%s, no more: got %v", what, err)
		}
	}
}

// A server that starts again has broken all connections, and only one call has to find out.
func TestOneBrokenConnectionStandsForAll(t *testing.T) {
	address := postgresURL(t)
	rows := openMigrated(t, address)
	read := func() error {
		_, err := rows.ListPredictions(t.Context(), store.PredictionQuery{Limit: 1})
		return err
	}
	if err := errors.Join(read(), record(t, rows)); err != nil {
		t.Fatal(err)
	}
	execute(t, address, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
	failed := 0
	for _, call := range []func() error{func() error { return record(t, rows) }, read, func() error { return record(t, rows) }, read} {
		if call() != nil {
			failed++
		}
	}
	if failed > 1 {
		t.Errorf("%d calls failed", failed)
	}
}

// A deadline that ends first is the only sign of a database that takes too long.
func TestDeadlinesAreCounted(t *testing.T) {
	address := postgresURL(t)
	openMigrated(t, address)
	lock(t, address, "predictions")
	rows, registry := openWith(t, gormstore.Options{URL: address})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := rows.RecordPredictions(ctx, []store.Prediction{{ID: uuid.NewString(), CreateTime: time.Now()}}, false); err == nil {
		t.Fatal("it is recorded")
	}
	counted(t, registry, "timeout")
}

func TestAServerWithoutTLSIsNotWaitedFor(t *testing.T) {
	parsed, err := url.Parse(postgresURL(t))
	if err != nil {
		t.Fatal(err)
	}
	query := parsed.Query()
	query.Set("sslmode", "require")
	parsed.RawQuery = query.Encode()
	if _, err := gormstore.Open(gormstore.Options{URL: parsed.String()}); err == nil || errors.Is(err, store.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
}

// lock holds a table until the test ends.
func lock(t *testing.T, address, table string) {
	t.Helper()
	ctx := context.Background()
	connection, err := pgx.Connect(ctx, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = connection.Close(ctx) })
	if _, err := connection.Exec(ctx, "BEGIN; LOCK TABLE "+table+" IN ACCESS EXCLUSIVE MODE"); err != nil {
		t.Fatal(err)
	}
}

func TestWaitsHaveAnEnd(t *testing.T) {
	address := postgresURL(t)
	openMigrated(t, address)
	lock(t, address, "predictions")
	for class, options := range map[string]gormstore.Options{
		"lock":    {URL: address, LockTimeout: 50 * time.Millisecond},
		"timeout": {URL: address, StatementTimeout: 50 * time.Millisecond},
	} {
		rows, registry := openWith(t, options)
		want := store.ErrUnavailable
		if class == "timeout" {
			want = store.ErrTimeout
		}
		if err := record(t, rows); !errors.Is(err, want) {
			t.Errorf("%s: got %v", class, err)
		}
		counted(t, registry, class)
	}
}

// Readers that wait took all connections, and persistence was not ready any more.
func TestWaitingReadersTakeNothingFromTheRecord(t *testing.T) {
	address := postgresURL(t)
	rows := openMigrated(t, address)
	lock(t, address, "employees")
	ctx, cancel := context.WithCancel(t.Context())
	var readers sync.WaitGroup
	for range 40 {
		readers.Go(func() { _, _ = rows.Employee(ctx, 1) })
	}
	for range 20 {
		if err := errors.Join(record(t, rows), rows.Ping(t.Context())); err != nil {
			t.Error(err)
		}
	}
	cancel()
	readers.Wait()
}

// Where the server gives fewer connections than are asked for, callers wait for each other.
func TestFewConnectionsAreShared(t *testing.T) {
	address := postgresURL(t)
	openMigrated(t, address)
	role := fmt.Sprintf("few_%d", time.Now().UnixNano())
	execute(t, address, fmt.Sprintf("CREATE ROLE %s LOGIN SUPERUSER CONNECTION LIMIT 5", role))
	execute(t, address, fmt.Sprintf("ALTER ROLE %s NOSUPERUSER; GRANT ALL ON ALL TABLES IN SCHEMA public TO %s; GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO %s", role, role, role))
	t.Cleanup(func() { execute(t, address, "DROP OWNED BY "+role+"; DROP ROLE "+role) })
	parsed, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	parsed.User = url.User(role)
	rows, registry := openWith(t, gormstore.Options{URL: parsed.String()})
	t.Cleanup(func() { _ = rows.Close() })
	var callers sync.WaitGroup
	failures := make(chan error, 200)
	for i := range cap(failures) {
		callers.Go(func() {
			var err error
			if i%2 == 0 {
				_, err = rows.ListPredictions(context.Background(), store.PredictionQuery{Limit: 1})
			} else {
				_, err = rows.RecordPredictions(context.Background(), []store.Prediction{{ID: uuid.NewString(), CreateTime: time.Now()}}, false)
			}
			failures <- err
		})
	}
	callers.Wait()
	close(failures)
	for err := range failures {
		if err != nil {
			t.Error(err)
		}
	}
	if problems, err := testutil.GatherAndLint(registry); err != nil || len(problems) > 0 {
		t.Errorf("the metrics: %v, %v", problems, err)
	}
}

// What is locked, damaged or missing shows in the rows that are not recorded, and in nothing
// else that is tried.
func TestRowsThatAreNotRecordedAreNotReady(t *testing.T) {
	for name, broken := range map[string]struct {
		class         string
		breaks, mends string
	}{
		"a missing table":  {"other", "ALTER TABLE predictions RENAME TO elsewhere", "ALTER TABLE elsewhere RENAME TO predictions"},
		"a missing column": {"other", "ALTER TABLE predictions RENAME COLUMN request_id TO elsewhere", "ALTER TABLE predictions RENAME COLUMN elsewhere TO request_id"},
	} {
		for dialect, url := range urls(t) {
			t.Run(name+" of "+dialect, func(t *testing.T) {
				rows, registry := openWith(t, gormstore.Options{URL: url})
				if err := errors.Join(rows.Migrate(t.Context()), rows.Ping(t.Context()), record(t, rows)); err != nil {
					t.Fatal(err)
				}
				rows.Execute(t, broken.breaks)
				if err := rows.Ping(t.Context()); err != nil {
					t.Fatalf("nothing has shown yet: %v", err)
				}
				failed := record(t, rows)
				if err := rows.Ping(t.Context()); failed == nil || err == nil || !strings.Contains(err.Error(), "the last predictions were not recorded") {
					t.Errorf("after %v: got %v", failed, err)
				}
				counted(t, registry, broken.class)
				rows.Execute(t, broken.mends)
				if err := errors.Join(record(t, rows), rows.Ping(t.Context())); err != nil {
					t.Errorf("when it is mended: %v", err)
				}
			})
		}
	}
}

// Pages that do not read are no fault of the program: what comes is kept elsewhere.
func TestADamagedFileIsUnavailable(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f.db")
	rows, _ := openWith(t, gormstore.Options{URL: "sqlite:" + path})
	if err := rows.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 50 {
		if err := record(t, rows); err != nil {
			t.Fatal(err)
		}
	}
	rows.Execute(t, "PRAGMA wal_checkpoint(TRUNCATE)")
	if err := rows.Close(); err != nil {
		t.Fatal(err)
	}
	damagedRows, registry := openWith(t, gormstore.Options{URL: "sqlite:" + path})
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	const pages = 4 * 4096 // with the schema
	damaged, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = damaged.WriteAt(bytes.Repeat([]byte{0xa5}, int(info.Size())-pages), pages)
	if err := errors.Join(err, damaged.Close()); err != nil {
		t.Fatal(err)
	}
	if err := record(t, damagedRows); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
	if err := damagedRows.Ping(t.Context()); err == nil {
		t.Error("it is ready")
	}
	counted(t, registry, "damaged")
}
