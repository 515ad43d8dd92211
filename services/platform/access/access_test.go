package access_test

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/futurisys/futurisys/services/platform/access"
)

func newKey(t testing.TB) access.Key {
	t.Helper()
	key, err := access.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// A key that was cut, or mistyped anywhere, is none.
func TestKeysAreTold(t *testing.T) {
	key := newKey(t)
	if id, _, err := access.ParseKey(key.Secret); err != nil || id != key.ID {
		t.Errorf("got %s, %v", id, err)
	}
	for i := range key.Secret {
		other := []byte(key.Secret)
		if other[i] = 'A'; key.Secret[i] == 'A' {
			other[i] = 'B'
		}
		if _, _, err := access.ParseKey(string(other)); !errors.Is(err, access.ErrNotAKey) {
			t.Errorf("with another character at %d: got %v", i, err)
		}
		if _, _, err := access.ParseKey(key.Secret[:i]); !errors.Is(err, access.ErrNotAKey) {
			t.Errorf("cut at %d: got %v", i, err)
		}
	}
	if again := newKey(t); again.ID == key.ID || again.Secret == key.Secret {
		t.Error("a key was made twice")
	}
}

func FuzzParseKey(f *testing.F) {
	f.Add(newKey(f).Secret)
	f.Add("fsk__")
	f.Fuzz(func(t *testing.T, text string) {
		if id, _, err := access.ParseKey(text); (err == nil) != (id != "") {
			t.Errorf("got %q, %v", id, err)
		}
	})
}

func TestKeysOfAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.json")
	good, expired, late := newKey(t), newKey(t), newKey(t)
	before := time.Now().Add(-time.Second)
	for key, expires := range map[access.Key]*time.Time{good: nil, expired: &before} {
		if err := access.AddToFile(path, access.NewEntry(key, "a program", "somebody", []access.Role{access.Scorer}, expires)); err != nil {
			t.Fatal(err)
		}
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("others may read it: %v, %v", info.Mode(), err)
	}
	if content, err := os.ReadFile(path); err != nil || strings.Contains(string(content), good.Secret) {
		t.Errorf("the secret is kept, %v", err)
	}
	keys, err := access.OpenKeys(path)
	if err != nil {
		t.Fatal(err)
	}
	if principal, err := keys.Authenticate(good.Secret); err != nil || principal.Subject != "somebody" || principal.Roles[0] != access.Scorer {
		t.Errorf("got %+v, %v", principal, err)
	}
	for name, secret := range map[string]string{"expired": expired.Secret, "not there yet": late.Secret, "none": "", "an id with another secret": strings.Replace(late.Secret, late.ID, good.ID, 1)} {
		if _, err := keys.Authenticate(secret); !errors.Is(err, access.ErrUnauthenticated) {
			t.Errorf("%s: got %v", name, err)
		}
	}

	go keys.Run(t.Context(), slog.New(slog.DiscardHandler))
	eventually := func(what string, secret string, known bool) {
		for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
			if _, err := keys.Authenticate(secret); (err == nil) == known {
				return
			}
		}
		t.Errorf("not in time: %s", what)
	}
	if err := access.AddToFile(path, access.NewEntry(late, "late", "late", []access.Role{access.Viewer}, nil)); err != nil {
		t.Fatal(err)
	}
	eventually("a new key is known", late.Secret, true)
	if there, err := access.RemoveFromFile(path, good.ID); err != nil || !there {
		t.Fatalf("got %v, %v", there, err)
	}
	eventually("a revoked key is not", good.Secret, false)
	// What does not read changes nothing: nobody is locked out, and nobody let in.
	if err := os.WriteFile(path, []byte("[{"), 0o600); err != nil {
		t.Fatal(err)
	}
	time.Sleep(2500 * time.Millisecond)
	if _, err := keys.Authenticate(late.Secret); err != nil {
		t.Errorf("after a file that does not read: got %v", err)
	}
}

func TestFilesThatHoldNoKeysAreRefused(t *testing.T) {
	key := newKey(t)
	entry := func(change func(*access.Entry)) error {
		made := access.NewEntry(key, "n", "o", []access.Role{access.Viewer}, nil)
		change(&made)
		return access.AddToFile(filepath.Join(t.TempDir(), "keys.json"), made)
	}
	for name, err := range map[string]error{
		"no role of ours": entry(func(e *access.Entry) { e.Roles = []access.Role{"root"} }),
		"no hash":         entry(func(e *access.Entry) { e.SHA256 = "x" }),
		"no owner":        entry(func(e *access.Entry) { e.Owner = "" }),
	} {
		if err == nil {
			t.Errorf("%s: it is kept", name)
		}
	}
	if _, err := access.OpenKeys(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("a file that is not there is read")
	}
}

// Two operators at once both have their key.
func TestKeysMadeAtOnceAreAllKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.json")
	var makers sync.WaitGroup
	for range 20 {
		makers.Go(func() {
			key, err := access.NewKey()
			if err == nil {
				err = access.AddToFile(path, access.NewEntry(key, "a key", "somebody", []access.Role{access.Viewer}, nil))
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	makers.Wait()
	if got, err := access.ReadFile(path); err != nil || len(got) != 20 {
		t.Errorf("got %d keys, %v", len(got), err)
	}
}
