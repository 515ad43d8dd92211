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
	"syscall"

	"github.com/glebarez/sqlite"
	"github.com/gofrs/flock"

	"github.com/futurisys/futurisys/services/persistence/internal/store"
)

// openSQLite opens the database of a path, which errors call by a name.
func openSQLite(path, name string, existing bool, seen *observer) (*Store, error) {
	opened, err := openFile(path, existing)
	if err != nil {
		return nil, err
	}
	rows := &Store{dialect: SQLite, file: opened}
	pragmas := url.Values{"_pragma": {
		"journal_mode(WAL)", "busy_timeout(5000)", "synchronous(FULL)", "foreign_keys(1)", "secure_delete(1)",
	}, "_txlock": {"immediate"}}
	// The path is escaped: a ? in a folder's name must not start the options.
	dialector := sqliteDialector{&sqlite.Dialector{DSN: "file:" + (&url.URL{Path: opened.path}).EscapedPath() + "?" + pragmas.Encode()}, seen}
	if rows.write, err = connect(dialector, 1); err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", name, err), opened.close())
	}
	rows.record = rows.write
	if rows.stage, err = connect(dialector, 1); err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", name, err), rows.Close())
	}
	if rows.read, err = connect(dialector, max(4, runtime.GOMAXPROCS(0))); err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", name, err), rows.Close())
	}
	return rows, nil
}

// file is a database's file, and whether it still is what was opened: SQLite goes on writing
// into a file that was removed, and all of it is gone with the process.
type file struct {
	given  string // the path of the settings, which may be a link
	path   string // of the file itself, which is what a lock has to be of
	opened os.FileInfo
	lock   *flock.Flock
}

// options are what other programs take behind a path: here they would be a part of its name.
var options = regexp.MustCompile(`\?\w+=`)

// openFile makes the file, for nobody but its owner to read, if there is none and none is
// asked for. Of folders it makes the last: a path that is mistyped further up is no place for
// data.
func openFile(path string, existing bool) (*file, error) {
	switch {
	case path == "":
		return nil, errors.New("sqlite: needs a path")
	case options.MatchString(path):
		return nil, fmt.Errorf("sqlite:%s: a path is taken, without options", path)
	case strings.HasPrefix(path, "//"):
		return nil, fmt.Errorf("sqlite:%s: write sqlite:PATH, with a path that begins with one / or none", path)
	}
	if !existing {
		if err := makeFile(path); err != nil {
			return nil, err
		}
	}
	itself, err := filepath.EvalSymlinks(path)
	if err != nil {
		return nil, err //nolint:wrapcheck // it names the path
	}
	opened, err := statWritable(itself)
	if err != nil {
		return nil, err
	}
	return &file{given: path, path: itself, opened: opened, lock: flock.New(itself + ".lock")}, nil
}

func makeFile(path string) error {
	if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return fmt.Errorf("make the folder of the database: %w", err)
	}
	made, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err //nolint:wrapcheck // it names the path
	}
	return made.Close() //nolint:wrapcheck // it names the path
}

// statWritable is the file of a path, which it must be possible to write to.
func statWritable(path string) (os.FileInfo, error) {
	opened, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err //nolint:wrapcheck // it names the path
	}
	info, err := opened.Stat()
	if err = errors.Join(err, opened.Close()); err != nil {
		return nil, err
	}
	if system, ok := info.Sys().(*syscall.Stat_t); ok && system.Nlink > 1 {
		// SQLite keeps the newest rows beside the name by which it was opened.
		return nil, fmt.Errorf("%s has %d names (hard links): a database may have one", path, system.Nlink)
	}
	if err := hasRoom(path, 0); err != nil { // SQLite would say "out of memory"
		return nil, fmt.Errorf("the folder of the database must be writable: %w", err)
	}
	return info, nil
}

// hasRoom tries to write so many bytes to a new file beside a path.
func hasRoom(path string, bytes int) (err error) {
	probe, err := os.CreateTemp(filepath.Dir(path), ".writable-")
	if err != nil {
		return err //nolint:wrapcheck // it names the path
	}
	defer func() { err = errors.Join(err, probe.Close(), os.Remove(probe.Name())) }()
	if bytes == 0 {
		return nil
	}
	if _, err := probe.Write(make([]byte, bytes)); err != nil {
		return err //nolint:wrapcheck // it names the path
	}
	return probe.Sync() //nolint:wrapcheck // it names the path
}

// check returns an error when the path leads to another file by now, or to none.
func (f *file) check() error {
	if f == nil { // no SQLite
		return nil
	}
	now, err := os.Stat(f.given)
	if err != nil || !os.SameFile(now, f.opened) {
		return fmt.Errorf("%w: its file %s was removed or replaced while it is in use: restart", store.ErrUnavailable, f.given)
	}
	return nil
}

func (f *file) close() error {
	if f == nil { // no SQLite
		return nil
	}
	return f.lock.Close() //nolint:wrapcheck // it names the path
}
