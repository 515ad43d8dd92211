package outbox_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/futurisys/futurisys/services/inference/internal/outbox"
)

// What is dropped is in no file of the folder any more, and the rest is as it was.
func TestRewriteLeavesNothing(t *testing.T) {
	folder := t.TempDir()
	box := open(t, folder, large)
	put(t, box, entry(1), entry(2), entry(3), entry(4))
	found, err := box.Oldest(4)
	if err != nil {
		t.Fatal(err)
	}
	for i, line := range []string{"aside row 2", "aside row 3"} {
		if err := box.SetAside(found[i], []byte(line)); err != nil {
			t.Fatal(err)
		}
	}
	drop := func(value []byte) bool {
		return bytes.HasSuffix(value, []byte("row 2")) || bytes.HasSuffix(value, []byte("row 4"))
	}
	if _, _, err := outbox.Rewrite(folder, drop); !errors.Is(err, outbox.ErrInUse) {
		t.Errorf("while a process has it: %v", err)
	}
	if err := box.Close(); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(filepath.Join(folder, "outbox.db"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "outbox.db.removed-x"), content, 0o600); err != nil {
		t.Fatal(err)
	}
	dropped, left, err := outbox.Rewrite(folder, drop)
	if err != nil || dropped != 2 || len(left) != 1 {
		t.Errorf("got %d, %v, %v", dropped, left, err)
	}
	for _, name := range []string{"outbox.db", "set-aside.jsonl"} {
		content, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			t.Fatal(err)
		}
		if drop := []string{"row 1", "row 2", "row 4"}; name == "outbox.db" {
			for _, text := range drop {
				if bytes.Contains(content, []byte(text)) {
					t.Errorf("%s is still in %s", text, name)
				}
			}
		} else if string(content) != "aside row 3\n" {
			t.Errorf("%s has %q", name, content)
		}
	}
	again := open(t, folder, large)
	if got := values(t, again); got != "row 3" {
		t.Errorf("got %s", got)
	}
	put(t, again, entry(5))
}
