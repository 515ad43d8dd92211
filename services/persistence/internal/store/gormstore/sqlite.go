package gormstore

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"

	"github.com/glebarez/sqlite"
	"github.com/gofrs/flock"

	"github.com/futurisys/futurisys/services/persistence/internal/store"
)

func openSQLite(path string, seen *observer) (*Store, error) {
	opened, err := openFile(path)
	if err != nil {
		return nil, err
	}
	rows := &Store{dialect: SQLite, file: opened}
	pragmas := url.Values{"_pragma": {
		"journal_mode(WAL)", "busy_timeout(5000)", "synchronous(FULL)", "foreign_keys(1)",
	}, "_txlock": {"immediate"}}
	// The path is escaped: a ? in a folder's name must not start the options.
	dialector := sqliteDialector{&sqlite.Dialector{DSN: "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + pragmas.Encode()}, seen}
	if rows.write, err = connect(dialector, 1); err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", path, err), opened.close())
	}
	rows.record = rows.write
	if rows.stage, err = connect(dialector, 1); err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", path, err), rows.Close())
	}
	if rows.read, err = connect(dialector, max(4, runtime.GOMAXPROCS(0))); err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", path, err), rows.Close())
	}
	return rows, nil
}

// file is a database's file, and whether it still is what was opened: SQLite goes on writing
// into a file that was removed, and all of it is gone with the process.
type file struct {
	path   string
	opened os.FileInfo
	lock   *flock.Flock
}

// options are what other programs take behind a path: here they would be a part of its name.
var options = regexp.MustCompile(`\?\w+=`)

// openFile makes the file, for nobody but its owner to read, if there is none. Of folders it
// makes the last: a path that is mistyped further up is no place for data.
func openFile(path string) (*file, error) {
	switch {
	case path == "":
		return nil, errors.New("sqlite: needs a path")
	case options.MatchString(path):
		return nil, fmt.Errorf("sqlite:%s: a path is taken, without options", path)
	case strings.HasPrefix(path, "//"):
		return nil, fmt.Errorf("sqlite:%s: write sqlite:PATH, with a path that begins with one / or none", path)
	}
	folder := filepath.Dir(path)
	if err := os.Mkdir(folder, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return nil, fmt.Errorf("make the folder of the database: %w", err)
	}
	made, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // an operator's own path
	if err != nil {
		return nil, err //nolint:wrapcheck // it names the path
	}
	opened, err := made.Stat()
	if err = errors.Join(err, made.Close()); err != nil {
		return nil, err
	}
	probe, err := os.CreateTemp(folder, ".writable-")
	if err != nil { // SQLite would say "out of memory"
		return nil, fmt.Errorf("the folder of the database must be writable: %w", err)
	}
	if err := errors.Join(probe.Close(), os.Remove(probe.Name())); err != nil {
		return nil, err
	}
	return &file{path: path, opened: opened, lock: flock.New(path + ".lock")}, nil
}

// check returns an error when the path leads to another file by now, or to none.
func (f *file) check() error {
	if f == nil { // no SQLite
		return nil
	}
	now, err := os.Stat(f.path)
	if err != nil || !os.SameFile(now, f.opened) {
		return fmt.Errorf("%w: its file %s was removed or replaced while it is in use: restart", store.ErrUnavailable, f.path)
	}
	return nil
}

func (f *file) close() error {
	if f == nil { // no SQLite
		return nil
	}
	return f.lock.Close() //nolint:wrapcheck // it names the path
}

// Own makes this process the only one that serves the database's file; PostgreSQL may be
// served by many. It lasts until Close.
func (s *Store) Own() error {
	if s.file == nil {
		return nil
	}
	locked, err := s.file.lock.TryLock()
	if err != nil {
		return fmt.Errorf("DATABASE_URL: lock %s: %w", s.file.path, err)
	}
	if !locked {
		return fmt.Errorf("DATABASE_URL: another process serves %s already", s.file.path)
	}
	return nil
}
