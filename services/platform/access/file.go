package access

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/google/renameio/v2"
)

// ReadFile reads what is kept of the keys of a file; one that is not there has none.
func ReadFile(path string) ([]Entry, error) {
	content, err := os.ReadFile(path) //nolint:gosec // an operator's own path
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
	entries, err := ReadFile(path)
	if err != nil {
		return err
	}
	return writeFile(path, append(entries, entry))
}

// RemoveFromFile revokes a key, and says whether it was there.
func RemoveFromFile(path, id string) (bool, error) {
	entries, err := ReadFile(path)
	if err != nil {
		return false, err
	}
	left := slices.DeleteFunc(slices.Clone(entries), func(e Entry) bool { return e.ID == id })
	if len(left) == len(entries) {
		return false, nil
	}
	return true, writeFile(path, left)
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
