package outbox_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/futurisys/futurisys/services/inference/internal/outbox"
)

const large = 1 << 30

func open(t testing.TB, folder string, most int64) *outbox.Outbox {
	t.Helper()
	box, err := outbox.Open(folder, most, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = box.Close() })
	return box
}

var base = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// entry is the entry of the n-th microsecond.
func entry(n int) outbox.Entry {
	return outbox.Entry{Time: base.Add(time.Duration(n) * time.Microsecond), ID: outbox.ID(uuid.New()), Value: []byte("row " + strconv.Itoa(n))}
}

func put(t testing.TB, box *outbox.Outbox, entries ...outbox.Entry) {
	t.Helper()
	if earlier, err := box.Put(entries); err != nil || len(earlier) != 0 {
		t.Fatalf("got %v, %v", earlier, err)
	}
}

// values are the values that are there, the oldest first.
func values(t testing.TB, box *outbox.Outbox) string {
	t.Helper()
	entries, err := box.Oldest(1000)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		out = append(out, string(e.Value))
	}
	return strings.Join(out, ", ")
}

func TestRowsStayInTheOrderOfTheirTimeUntilTheyAreDeleted(t *testing.T) {
	folder := t.TempDir()
	box := open(t, folder, large)
	put(t, box, entry(3), entry(1))
	put(t, box, entry(2)) // the clock was set back
	if got := values(t, box); got != "row 1, row 2, row 3" {
		t.Errorf("got %s", got)
	}
	two, err := box.Oldest(2)
	if err != nil || len(two) != 2 {
		t.Fatalf("got %v, %v", two, err)
	}
	if err := box.Delete(two); err != nil {
		t.Fatal(err)
	}
	if err := box.Delete(two); err != nil { // after a crash in between
		t.Error(err)
	}
	stats := box.Stats()
	if stats.Rows != 1 || stats.Bytes != int64(len("row 3")) || !stats.Oldest.Equal(entry(3).Time) {
		t.Errorf("got %+v", stats)
	}
	if err := box.Close(); err != nil {
		t.Fatal(err)
	}
	again := open(t, folder, large)
	if got := values(t, again); got != "row 3" || again.Stats().Rows != 1 || again.Stats().Bytes != stats.Bytes {
		t.Errorf("a successor finds %s, %+v", got, again.Stats())
	}
}

func TestIDThatComesAgainIsFound(t *testing.T) {
	box := open(t, t.TempDir(), large)
	first := entry(1)
	first.Retried = true
	put(t, box, first)
	again := entry(2)
	again.ID, again.Retried = first.ID, true
	other := entry(3)
	earlier, err := box.Put([]outbox.Entry{again, other})
	if err != nil || len(earlier) != 1 || string(earlier[first.ID]) != "row 1" {
		t.Fatalf("got %v, %v", earlier, err)
	}
	if got := values(t, box); got != "row 1, row 3" {
		t.Errorf("got %s", got)
	}
	if !box.Holds([]outbox.ID{other.ID, first.ID}) || box.Holds([]outbox.ID{other.ID}) {
		t.Error("only the id that may come again can be found")
	}
	found, err := box.Oldest(1)
	if err != nil {
		t.Fatal(err)
	}
	if err := box.Delete(found); err != nil {
		t.Fatal(err)
	}
	put(t, box, again) // it was taken: from here on the database knows it
}

func TestFullRefusesAllOrNone(t *testing.T) {
	box := open(t, t.TempDir(), 12)
	put(t, box, entry(1), entry(2))
	if _, err := box.Put([]outbox.Entry{entry(3), entry(4)}); !errors.Is(err, outbox.ErrFull) {
		t.Errorf("got %v", err)
	}
	if got := values(t, box); got != "row 1, row 2" || box.Stats().Bytes != 10 {
		t.Errorf("got %s, %+v", got, box.Stats())
	}
}

// A row that has no time yet or no longer would count as older than any age, and the
// outbox as full.
func TestStatsAgreeWhileRowsComeAndGo(t *testing.T) {
	box := open(t, t.TempDir(), large)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for n := range 300 {
			e := entry(n)
			_, err := box.Put([]outbox.Entry{e})
			if err := errors.Join(err, box.Delete([]outbox.Entry{e})); err != nil {
				t.Error(err)
			}
		}
	}()
	for {
		if stats := box.Stats(); (stats.Rows == 0) != stats.Oldest.IsZero() {
			t.Errorf("%d rows, the oldest of %s", stats.Rows, stats.Oldest)
			<-done
			return
		}
		select {
		case <-done:
			return
		default:
		}
	}
}

func TestOneProcessHasTheFolder(t *testing.T) {
	folder := t.TempDir()
	open(t, folder, large)
	if _, err := outbox.Open(folder, large, slog.New(slog.DiscardHandler)); !errors.Is(err, outbox.ErrInUse) || !strings.Contains(err.Error(), "OUTBOX_DIR") {
		t.Errorf("got %v", err)
	}
}

func TestFolderThatCannotBeWrittenIsSaid(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := outbox.Open(filepath.Join(path, "below"), large, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "OUTBOX_DIR") {
		t.Errorf("got %v", err)
	}
}

func TestFullDiskIsAnErrorAndLosesNothing(t *testing.T) {
	folder := t.TempDir()
	command := exec.Command(os.Args[0])
	command.Env = []string{childVariable + "=" + folder, "OUTBOX_TEST_FILE_BYTES=400000"}
	out, err := command.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "put 1 rows into the outbox") {
		t.Fatalf("got %v: %s", err, out)
	}
	kept := strings.Count(string(out), "kept")
	box := open(t, folder, large)
	if rows := box.Stats().Rows; kept == 0 || rows != int64(kept) {
		t.Errorf("%d rows were kept, %d are there", kept, rows)
	}
	put(t, box, entry(1_000_000))
}

// What is on record leaves a full disk too, so that there is room again.
func TestFullDiskIsEmptied(t *testing.T) {
	command := exec.Command(os.Args[0])
	command.Env = []string{childVariable + "=" + t.TempDir(), "OUTBOX_TEST_FILE_BYTES=1000000", "OUTBOX_TEST_EMPTY=1"}
	out, _ := command.CombinedOutput()
	if !strings.Contains(string(out), "full: ") || strings.Contains(string(out), "full: 0") || !strings.Contains(string(out), "0 left <nil>") {
		t.Errorf("got %s", out)
	}
}

// Whoever opened the file would go on writing into it, and all of it is gone with them.
func TestAFileThatIsRemovedIsNoticed(t *testing.T) {
	folder := t.TempDir()
	box := open(t, folder, large)
	put(t, box, entry(1))
	if err := os.Rename(filepath.Join(folder, "outbox.db"), filepath.Join(folder, "moved.db")); err != nil {
		t.Fatal(err)
	}
	if _, err := box.Put([]outbox.Entry{entry(2)}); !errors.Is(err, outbox.ErrGone) {
		t.Errorf("removed: got %v", err)
	}
	open(t, folder, large) // somebody else's
	if _, err := box.Put([]outbox.Entry{entry(2)}); !errors.Is(err, outbox.ErrGone) {
		t.Errorf("replaced: got %v", err)
	}
	// What is in there is still to be had, from the process and from a file.
	if got := values(t, box); got != "row 1" {
		t.Errorf("got %s", got)
	}
	saved, err := filepath.Glob(filepath.Join(folder, "outbox.db.removed-*"))
	if err != nil || len(saved) != 1 || !strings.Contains(fmt.Sprint(box.Check()), saved[0]) {
		t.Fatalf("got %v, %v, and %v", saved, err, box.Check())
	}
	var values []string
	if err := outbox.ReadAside(saved[0], func(value []byte) error { values = append(values, string(value)); return nil }); err != nil || !slices.Equal(values, []string{"row 1"}) {
		t.Errorf("got %v, %v", values, err)
	}
	if aside, err := box.Aside(); err != nil || aside.Files != 1 {
		t.Errorf("got %v, %v", aside, err)
	}
}

// Where it cannot be written out, whoever would restart the process is told what that costs.
func TestAFolderThatIsRemovedIsNoticed(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "outbox")
	box := open(t, folder, large)
	put(t, box, entry(1))
	if err := os.RemoveAll(folder); err != nil {
		t.Fatal(err)
	}
	if err := box.Check(); !errors.Is(err, outbox.ErrGone) || !strings.Contains(err.Error(), "1 predictions are in this process alone") {
		t.Errorf("got %v", err)
	}
}

// bbolt maps the file: pages that somebody takes away would end the process, and a file that
// is copied over it would be written on as if nothing had happened.
func TestAFileThatIsChangedInPlaceIsNoticed(t *testing.T) {
	older, err := os.ReadFile(filepath.Join(func() string {
		folder := t.TempDir()
		box := open(t, folder, large)
		put(t, box, entry(1))
		if err := box.Close(); err != nil {
			t.Fatal(err)
		}
		return folder
	}(), "outbox.db"))
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(path string) error{
		"truncated":              func(path string) error { return os.Truncate(path, 4096) },
		"emptied":                func(path string) error { return os.Truncate(path, 0) },
		"copied over":            func(path string) error { return os.WriteFile(path, older, 0o600) },
		"overwritten with zeros": func(path string) error { return os.WriteFile(path, make([]byte, len(older)), 0o600) },
	} {
		folder := t.TempDir()
		box := open(t, folder, large)
		for i := range 10 {
			put(t, box, entry(i))
		}
		if err := change(filepath.Join(folder, "outbox.db")); err != nil {
			t.Fatal(err)
		}
		if _, err := box.Put([]outbox.Entry{entry(20)}); !errors.Is(err, outbox.ErrGone) || !strings.Contains(err.Error(), "of its 10 predictions some may be lost") {
			t.Errorf("%s: got %v", name, err)
		}
		if err := box.Check(); !errors.Is(err, outbox.ErrGone) {
			t.Errorf("%s, afterwards: got %v", name, err)
		}
	}
}

// What was put when a file was removed is in the file beside it, whoever put it at that moment.
func TestAFileThatIsRemovedWhileRowsAreKeptLosesNone(t *testing.T) {
	for range 30 {
		folder := t.TempDir()
		box := open(t, folder, large)
		var kept atomic.Int64
		var putters sync.WaitGroup
		for range 3 {
			putters.Go(func() {
				for {
					if _, err := box.Put([]outbox.Entry{entry(int(kept.Load()))}); err != nil {
						return
					}
					kept.Add(1)
				}
			})
		}
		for kept.Load() < 5 {
			time.Sleep(time.Millisecond)
		}
		if err := os.Remove(filepath.Join(folder, "outbox.db")); err != nil {
			t.Fatal(err)
		}
		putters.Wait()
		if err := box.Close(); err != nil {
			t.Fatal(err)
		}
		saved, err := filepath.Glob(filepath.Join(folder, "outbox.db.removed-*"))
		if err != nil || len(saved) != 1 {
			t.Fatalf("got %v, %v", saved, err)
		}
		rows := int64(0)
		if err := outbox.ReadAside(saved[0], func([]byte) error { rows++; return nil }); err != nil || rows != kept.Load() {
			t.Fatalf("%d rows were kept, %d are in the file (%v)", kept.Load(), rows, err)
		}
	}
}

// Rows that are gone must not pass for delivered.
func TestAFileThatIsOverwrittenIsNotEmpty(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "outbox.db")
	box := open(t, folder, large)
	empty, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		put(t, box, entry(i))
	}
	if err := os.WriteFile(path, empty, 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := box.Oldest(10); !errors.Is(err, outbox.ErrGone) || !strings.Contains(err.Error(), "of its 3 predictions") {
		t.Errorf("got %v, %v", got, err)
	}
	if err := box.Check(); !errors.Is(err, outbox.ErrGone) {
		t.Errorf("afterwards: got %v", err)
	}
}

func BenchmarkPut(b *testing.B) {
	for _, rows := range []int{1, 32, 256} {
		b.Run(fmt.Sprintf("rows=%d", rows), func(b *testing.B) {
			box := open(b, b.TempDir(), 100<<30)
			n := 0
			for b.Loop() {
				entries := make([]outbox.Entry, rows)
				for i := range entries {
					n++
					entries[i] = entry(n)
					entries[i].Value = bytes.Repeat([]byte("x"), 600)
				}
				put(b, box, entries...)
			}
			b.ReportMetric(float64(rows*b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}
