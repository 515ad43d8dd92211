package access

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/gofrs/flock"
	"github.com/google/renameio/v2"
)

// ReadFile reads what is kept of the keys of a file; one that is not there has none.
func ReadFile(path string) ([]Entry, error) {
	content, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err //nolint:wrapcheck // it names the file
	}
	entries, _, err := readEntries(content)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return entries, nil
}

// AddToFile keeps one key more.
func AddToFile(path string, entry Entry) error {
	return change(path, func(entries []Entry) []Entry { return append(entries, entry) })
}

// RemoveFromFile revokes a key, and says whether it was there.
func RemoveFromFile(path, id string) (there bool, err error) {
	err = change(path, func(entries []Entry) []Entry {
		left := slices.DeleteFunc(slices.Clone(entries), func(e Entry) bool { return e.ID == id })
		there = len(left) < len(entries)
		return left
	})
	return there, err
}

// change changes what a file keeps, one process at a time. The file itself gets another one in
// its place; so the lock is a file beside it.
func change(path string, to func([]Entry) []Entry) error {
	lock := flock.New(path + ".lock")
	if err := lock.Lock(); err != nil {
		return fmt.Errorf("lock the keys: %w", err)
	}
	defer func() { _ = lock.Unlock() }()
	entries, err := ReadFile(path)
	if err != nil {
		return err
	}
	return writeFile(path, to(entries))
}

// writeFile writes the keys, all or none: a reader never sees half of them.
func writeFile(path string, entries []Entry) error {
	if _, err := index(entries); err != nil {
		return err
	}
	content, err := json.MarshalIndent(entries, "", "  ")
	if err != nil {
		return fmt.Errorf("write the keys: %w", err)
	}
	target, err := renameio.NewPendingFile(path, renameio.WithTempDir(filepath.Dir(path)), renameio.WithPermissions(0o600))
	if err != nil {
		return err //nolint:wrapcheck // it names the file
	}
	defer func() { _ = target.Cleanup() }() // nothing once it has its name
	if _, err := target.Write(append(content, '\n')); err != nil {
		return err //nolint:wrapcheck // it names the file
	}
	return target.CloseAtomicallyReplace() //nolint:wrapcheck // it names the files
}
