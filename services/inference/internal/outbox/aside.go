package outbox

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

// Names of files that were taken in.
const (
	damagedMark  = ".damaged-"
	importedMark = ".imported"
)

// Aside is what was set aside, by predecessors too, and not taken in since.
type Aside struct {
	Rows, Files int64
}

// asideCount keeps how many rows the file of rows has, until the file changes.
type asideCount struct {
	mutex sync.Mutex
	of    os.FileInfo
	rows  int64
}

// Aside finds what is set aside in the folder.
func (o *Outbox) Aside() (Aside, error) {
	var out Aside
	for _, mark := range []string{damagedMark, removedMark} {
		files, err := filepath.Glob(filepath.Join(o.folder, file+mark+"*"))
		if err != nil {
			return Aside{}, fmt.Errorf("look for what is set aside: %w", err)
		}
		for _, path := range files {
			if !strings.Contains(filepath.Base(path), importedMark) {
				out.Files++
			}
		}
	}
	var err error
	if out.Rows, err = o.aside.count(filepath.Join(o.folder, asideFile)); err != nil {
		return Aside{}, fmt.Errorf("look for what is set aside: %w", err)
	}
	return out, nil
}

// count is the number of lines of a file, 0 if there is none.
func (c *asideCount) count(path string) (int64, error) {
	now, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err //nolint:wrapcheck // it names the file
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.of != nil && os.SameFile(now, c.of) && now.Size() == c.of.Size() && now.ModTime().Equal(c.of.ModTime()) {
		return c.rows, nil
	}
	rows := int64(0)
	err = eachLine(path, func([]byte) error {
		rows++
		return nil
	})
	if err != nil {
		return 0, err
	}
	c.of, c.rows = now, rows
	return rows, nil
}

// ReadAside reads a file that was set aside: each value of an outbox that was taken for
// damaged, as far as it reads, or each line of the file of rows. An error of use ends it.
func ReadAside(path string, use func(value []byte) error) error {
	if strings.Contains(filepath.Base(path), filepath.Ext(asideFile)) {
		return eachLine(path, use)
	}
	return eachValue(path, use)
}

// MarkImported gives a file that was taken in another name: it does not count any more.
func MarkImported(path string) error {
	if err := os.Rename(path, path+importedMark+time.Now().UTC().Format("-20060102T150405.000Z")); err != nil {
		return fmt.Errorf("mark %s as imported: %w", filepath.Base(path), err)
	}
	return nil
}

func eachLine(path string, use func(line []byte) error) error {
	const longest = 64 << 20
	opened, err := os.Open(path)
	if err != nil {
		return err //nolint:wrapcheck // it names the file
	}
	defer opened.Close()
	lines := bufio.NewScanner(opened)
	lines.Buffer(nil, longest)
	for lines.Scan() {
		if len(lines.Bytes()) == 0 {
			continue
		}
		if err := use(lines.Bytes()); err != nil {
			return err
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read %s: %w", filepath.Base(path), err)
	}
	return nil
}

func eachValue(path string, use func(value []byte) error) (err error) {
	info, err := os.Stat(path)
	if err != nil {
		return err //nolint:wrapcheck // it names the file
	}
	if info.Size() == 0 {
		return fmt.Errorf("%s: %w: it is empty", filepath.Base(path), errDamaged)
	}
	// A process whose outbox this is holds a lock: then it is none that was set aside.
	database, err := bbolt.Open(path, 0o600, &bbolt.Options{ReadOnly: true, Timeout: lockTimeout})
	if errors.Is(err, bolterrors.ErrTimeout) {
		return fmt.Errorf("%s: %w", filepath.Base(path), ErrInUse)
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", filepath.Base(path), err)
	}
	defer database.Close()
	defer func() {
		if panicked := recover(); panicked != nil {
			err = fmt.Errorf("the rest of %s does not read (%v): move it out of the folder to settle it", filepath.Base(path), panicked)
		}
	}()
	err = database.View(func(tx *bbolt.Tx) error {
		rows := tx.Bucket(rowsBucket)
		if rows == nil {
			return fmt.Errorf("%s is no outbox", filepath.Base(path))
		}
		return rows.ForEach(func(_, value []byte) error { return use(value) })
	})
	if err != nil {
		return err //nolint:wrapcheck // it is our own
	}
	return whole(database, path) // it may hold more than could be read
}
