package outbox

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/renameio/v2"
	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

// Rewrite writes all files of a folder anew without the values that drop says: bbolt itself
// leaves what was deleted in its free pages. left are files that were set aside as a whole, and
// hold such values or do not read. ErrInUse: a process has the folder, and must be stopped.
func Rewrite(folder string, drop func(value []byte) bool) (dropped int, left []string, err error) {
	path := filepath.Join(folder, file)
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		database, err := open(path)
		if errors.Is(err, bolterrors.ErrTimeout) {
			return 0, nil, fmt.Errorf("OUTBOX_DIR: %s: %w", folder, ErrInUse)
		}
		if err != nil {
			return 0, nil, fmt.Errorf("OUTBOX_DIR: %w", err)
		}
		defer database.Close() // until then nobody else has the folder
		if dropped, err = rewrite(database, path, drop); err != nil {
			return dropped, nil, fmt.Errorf("rewrite the outbox: %w", err)
		}
	}
	files, err := filepath.Glob(filepath.Join(folder, "*"))
	if err != nil {
		return dropped, nil, fmt.Errorf("look for what is set aside: %w", err)
	}
	for _, path := range files {
		name := filepath.Base(path)
		switch {
		case strings.HasPrefix(name, asideFile):
			lines, err := rewriteLines(path, drop)
			if dropped += lines; err != nil {
				return dropped, left, err
			}
		case strings.HasPrefix(name, file+"."):
			holds := false
			err := eachValue(path, func(value []byte) error {
				holds = holds || drop(value)
				return nil
			})
			if holds || err != nil {
				left = append(left, path)
			}
		}
	}
	return dropped, left, nil
}

// rewrite puts a file that was never written to in the place of an open one.
func rewrite(database *bbolt.DB, path string, drop func(value []byte) bool) (dropped int, err error) {
	const suffix = ".rewritten"
	if err := os.Remove(path + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, err //nolint:wrapcheck // it names the file
	}
	fresh, err := open(path + suffix)
	if err != nil {
		return 0, err
	}
	err = database.View(func(from *bbolt.Tx) error {
		return fresh.Update(func(to *bbolt.Tx) error {
			return from.Bucket(rowsBucket).ForEach(func(key, value []byte) error {
				if drop(value) {
					dropped++
					return nil
				}
				id := key[len(key)-len(ID{}):]
				if place := from.Bucket(idsBucket).Get(id); bytes.Equal(place, key) {
					if err := to.Bucket(idsBucket).Put(id, place); err != nil {
						return err //nolint:wrapcheck // Rewrite says what it was doing
					}
				}
				return to.Bucket(rowsBucket).Put(key, value)
			})
		})
	})
	if err = errors.Join(err, fresh.Close()); err != nil {
		return 0, errors.Join(err, os.Remove(path+suffix))
	}
	return dropped, os.Rename(path+suffix, path) //nolint:wrapcheck // it names the files
}

// rewriteLines writes a file of lines anew, if it loses one.
func rewriteLines(path string, drop func(line []byte) bool) (dropped int, err error) {
	var kept [][]byte
	err = eachLine(path, func(line []byte) error {
		if drop(line) {
			dropped++
		} else {
			kept = append(kept, slices.Clone(line))
		}
		return nil
	})
	if err != nil || dropped == 0 {
		return 0, err
	}
	content := append(bytes.Join(kept, []byte("\n")), '\n')
	if len(kept) == 0 {
		content = nil
	}
	return dropped, renameio.WriteFile(path, content, 0o600) //nolint:wrapcheck // it names the file
}
