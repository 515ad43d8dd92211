package outbox_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"

	bolterrors "go.etcd.io/bbolt/errors"

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

func TestRowSetAsideIsKeptInAFile(t *testing.T) {
	folder := t.TempDir()
	box := open(t, folder, large)
	put(t, box, entry(1), entry(2))
	found, err := box.Oldest(1)
	if err != nil {
		t.Fatal(err)
	}
	if err := box.SetAside(found[0], []byte(`{"reason": "bad"}`)); err != nil {
		t.Fatal(err)
	}
	if got := values(t, box); got != "row 2" || box.Stats().Aside != 1 {
		t.Errorf("got %s, %+v", got, box.Stats())
	}
	lines, err := os.ReadFile(filepath.Join(folder, "set-aside.jsonl"))
	if err != nil || string(lines) != "{\"reason\": \"bad\"}\n" {
		t.Errorf("got %q, %v", lines, err)
	}
}

// A file that does not read never ends the process and is never thrown away.
func TestDamagedFileIsSetAside(t *testing.T) {
	for name, damage := range map[string]func([]byte) []byte{
		"empty":            func([]byte) []byte { return nil },
		"not an outbox":    func([]byte) []byte { return []byte("something else") },
		"cut in half":      func(b []byte) []byte { return b[:len(b)/2] },
		"cut at the end":   func(b []byte) []byte { return b[:len(b)-5000] },
		"both heads gone":  func(b []byte) []byte { return append(make([]byte, 8192), b[8192:]...) },
		"pages overwitten": func(b []byte) []byte { return append(b[:8192], bytes.Repeat([]byte{0xff}, len(b)-8192)...) },
	} {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			path := filepath.Join(folder, "outbox.db")
			box := open(t, folder, large)
			for n := range 300 {
				e := entry(n)
				e.Value = bytes.Repeat([]byte("x"), 600)
				put(t, box, e)
			}
			if err := box.Close(); err != nil {
				t.Fatal(err)
			}
			content, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			damaged := damage(bytes.Clone(content))
			if err := os.WriteFile(path, damaged, 0o600); err != nil {
				t.Fatal(err)
			}
			var log bytes.Buffer
			again, err := outbox.Open(folder, large, slog.New(slog.NewTextHandler(&log, nil)))
			if err != nil {
				t.Fatal(err)
			}
			defer again.Close()
			put(t, again, entry(1))
			if again.Stats().Rows == 301 { // what was damaged was not in use
				return
			}
			kept, err := filepath.Glob(path + ".damaged-*")
			if err != nil || len(kept) != 1 || !strings.Contains(log.String(), "set aside") {
				t.Fatalf("got %v, %v; log %s", kept, err, &log)
			}
			if got, err := os.ReadFile(kept[0]); err != nil || !bytes.Equal(got, damaged) {
				t.Errorf("what was set aside is not what was found: %v", err)
			}
		})
	}
}

// What is not known of a file is no damage of it: an intact outbox stays where it is, and
// the start is refused.
func TestOnlyAPageThatDoesNotReadIsDamage(t *testing.T) {
	for err, want := range map[error]bool{
		syscall.ENOLCK: false, syscall.EIO: false, syscall.EMFILE: false, syscall.ENOMEM: false, os.ErrPermission: false,
		bolterrors.ErrTimeout: false, bolterrors.ErrVersionMismatch: false, errors.New("something new"): false,
		bolterrors.ErrInvalid: true, bolterrors.ErrChecksum: true,
	} {
		if outbox.IsDamage(err) != want {
			t.Errorf("%v: taken for damage: %v", err, !want)
		}
	}
	folder := t.TempDir()
	if err := os.Mkdir(filepath.Join(folder, "outbox.db"), 0o700); err != nil { // a mount that went wrong
		t.Fatal(err)
	}
	if _, err := outbox.Open(folder, large, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "OUTBOX_DIR") {
		t.Errorf("got %v, want an error that names the setting", err)
	}
	if entries, err := os.ReadDir(folder); err != nil || len(entries) != 1 || entries[0].Name() != "outbox.db" {
		t.Errorf("the folder holds %v, %v", entries, err)
	}
}

// What was set aside counts until it was taken in, whoever set it aside.
func TestWhatIsSetAsideCountsAndIsReadAgain(t *testing.T) {
	folder := t.TempDir()
	box := open(t, folder, large)
	put(t, box, entry(1), entry(2), entry(3))
	if err := box.Close(); err != nil {
		t.Fatal(err)
	}
	damaged := filepath.Join(folder, "outbox.db.damaged-20260101T000000Z")
	if err := os.Rename(filepath.Join(folder, "outbox.db"), damaged); err != nil {
		t.Fatal(err)
	}
	rows := filepath.Join(folder, "set-aside.jsonl")
	if err := os.WriteFile(rows, []byte("{}\n{}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	box = open(t, folder, large)
	if stats := box.Stats(); stats.Aside != 2 || stats.Damaged != 1 || stats.Rows != 0 {
		t.Errorf("got %+v", stats)
	}
	var got []string
	for _, path := range []string{damaged, rows} {
		if err := outbox.ReadAside(path, func(value []byte) error {
			got = append(got, string(value))
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if err := outbox.MarkImported(path); err != nil {
			t.Fatal(err)
		}
	}
	if want := []string{"row 1", "row 2", "row 3", "{}", "{}"}; !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	if err := box.Close(); err != nil {
		t.Fatal(err)
	}
	if stats := open(t, folder, large).Stats(); stats.Aside != 0 || stats.Damaged != 0 {
		t.Errorf("after they were taken in: %+v", stats)
	}
}

const childVariable = "OUTBOX_TEST_CHILD"

func TestMain(m *testing.M) {
	if folder := os.Getenv(childVariable); folder != "" {
		child(folder)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// child puts rows for ever and prints each when it is kept, so that the test can
// kill it at any moment; with OUTBOX_TEST_FILE_BYTES files cannot grow beyond that,
// which is what a full disk looks like to a program.
func child(folder string) {
	if limit, err := strconv.ParseUint(os.Getenv("OUTBOX_TEST_FILE_BYTES"), 10, 64); err == nil {
		signal.Ignore(syscall.SIGXFSZ)
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: limit, Max: limit}); err != nil {
			panic(err)
		}
	}
	box, err := outbox.Open(folder, large, slog.New(slog.DiscardHandler))
	if err != nil {
		fmt.Println(err)
		return
	}
	for n := 0; ; n++ {
		e := entry(n)
		e.Value = append(e.Value, bytes.Repeat([]byte(" "), 600)...)
		if _, err := box.Put([]outbox.Entry{e}); err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println("kept", n)
	}
}

func TestWhatWasKeptSurvivesAKill(t *testing.T) {
	for round := range 5 {
		folder := t.TempDir()
		command := exec.Command(os.Args[0])
		command.Env = []string{childVariable + "=" + folder}
		var out bytes.Buffer
		command.Stdout = &out
		if err := command.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(200+round*37) * time.Millisecond)
		if err := command.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = command.Wait()
		kept := strings.Count(out.String(), "kept")
		rows := open(t, folder, large).Stats().Rows
		if kept == 0 || rows < int64(kept) || rows > int64(kept)+1 {
			t.Errorf("%d rows were kept, %d are there", kept, rows)
		}
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
