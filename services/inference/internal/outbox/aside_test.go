package outbox_test

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/futurisys/futurisys/services/inference/internal/outbox"
)

func isAside(t *testing.T, box *outbox.Outbox, want outbox.Aside) {
	t.Helper()
	if got, err := box.Aside(); err != nil || got != want {
		t.Errorf("set aside: got %+v, %v, want %+v", got, err, want)
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
	if got := values(t, box); got != "row 2" {
		t.Errorf("got %s", got)
	}
	isAside(t, box, outbox.Aside{Rows: 1})
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
	isAside(t, box, outbox.Aside{Rows: 2, Files: 1})
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
	isAside(t, box, outbox.Aside{})
}
