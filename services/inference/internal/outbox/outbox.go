// Package outbox keeps rows on stable storage until somebody has taken them: a
// bbolt file in a folder that one process has at a time. docs/adr/0009 says why
// bbolt.
package outbox

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

// Errors of an outbox.
var (
	// ErrFull says that what should be put would exceed the bound.
	ErrFull = errors.New("the outbox is full")
	// ErrInUse says that another process has the folder.
	ErrInUse = errors.New("another process has the outbox")
	// ErrGone says that the file is not the one that was opened, or not as it was left: what
	// is put into it would be gone.
	ErrGone = errors.New("its file was removed, replaced or changed while it is in use")
)

const (
	file = "outbox.db"
	// asideFile keeps, a line each, rows that will never be taken.
	asideFile = "set-aside.jsonl"
	// lockTimeout is how long a predecessor may take to let go of the folder.
	lockTimeout = 5 * time.Second
)

// The buckets: rows by time and id; where the row of an id is, for those whose id
// may come again.
var (
	rowsBucket = []byte("rows")
	idsBucket  = []byte("ids")
)

// ID is a UUID.
type ID [16]byte

// Entry is one row. Its place is its time and then its id.
type Entry struct {
	Time time.Time // microseconds count
	ID   ID
	// Retried says that the id may come again, with the same row or another: it can
	// then be found.
	Retried bool
	Value   []byte
}

// key is the place: microseconds since 1970 and the id, which sort as bytes.
func (e *Entry) key() []byte {
	key := make([]byte, 8, 8+len(e.ID)) //nolint:mnd // bytes of the time
	binary.BigEndian.PutUint64(key, uint64(e.Time.UnixMicro()))
	return append(key, e.ID[:]...)
}

// Outbox is an open outbox. It may be used by many goroutines at once.
type Outbox struct {
	folder   string
	opened   os.FileInfo
	database *bbolt.DB
	maxBytes int64 // bytes of values
	rows     atomic.Int64
	bytes    atomic.Int64
	aside    asideCount
	gone     gone
}

// Open opens the outbox of a folder, whose values may take so many bytes, with what
// a predecessor left in it. A file that does not read is set aside under another
// name and said in the log. ErrInUse: another process has it.
func Open(folder string, maxBytes int64, log *slog.Logger) (*Outbox, error) {
	if err := makeFolder(folder); err != nil {
		return nil, fmt.Errorf("OUTBOX_DIR: %w", err)
	}
	path := filepath.Join(folder, file)
	database, err := open(path)
	if errors.Is(err, errDamaged) {
		damaged := fmt.Sprintf("%s%s%s", path, damagedMark, time.Now().UTC().Format("20060102T150405Z"))
		log.Error("the outbox does not read: it is set aside, its rows are not on record; `inference outbox import FILE` takes in what can be read",
			"file", damaged, "error", err)
		if err := os.Rename(path, damaged); err != nil {
			return nil, fmt.Errorf("OUTBOX_DIR: %w", err)
		}
		database, err = open(path)
	}
	if errors.Is(err, bolterrors.ErrTimeout) {
		return nil, fmt.Errorf("OUTBOX_DIR: %s: %w", folder, ErrInUse)
	}
	if err != nil {
		return nil, fmt.Errorf("OUTBOX_DIR: %w", err)
	}
	box := &Outbox{folder: folder, database: database, maxBytes: maxBytes}
	box.opened, err = os.Stat(path)
	if err = errors.Join(err, box.count()); err != nil {
		return nil, errors.Join(fmt.Errorf("OUTBOX_DIR: %w", err), database.Close())
	}
	return box, nil
}

// makeFolder makes a folder. Of an absolute path that above it must be there: it may be a
// volume that is not mounted.
func makeFolder(folder string) error {
	const owner = 0o700
	if !filepath.IsAbs(folder) {
		return os.MkdirAll(folder, owner) //nolint:wrapcheck // it names the folder
	}
	if err := os.Mkdir(folder, owner); !errors.Is(err, fs.ErrExist) {
		return err //nolint:wrapcheck // it names the folder
	}
	return nil
}

// count finds how much is there.
func (o *Outbox) count() error {
	err := o.view(func(tx *bbolt.Tx) error {
		return tx.Bucket(rowsBucket).ForEach(func(_, value []byte) error {
			o.rows.Add(1)
			o.bytes.Add(int64(len(value)))
			return nil
		})
	})
	if err != nil {
		return fmt.Errorf("read the outbox: %w", err)
	}
	return nil
}

// errNothingNew ends a transaction that has nothing to write: it needs no room then.
var errNothingNew = errors.New("nothing new")

// Put keeps entries; when it returns they are on stable storage, all or none. Of an
// entry whose id is there already (Retried) it keeps nothing and returns the value
// that is. ErrFull: they would not fit. ErrGone: they would not stay.
func (o *Outbox) Put(entries []Entry) (earlier map[ID][]byte, err error) {
	if err := o.Check(); err != nil {
		return nil, err
	}
	earlier = map[ID][]byte{}
	err = o.update(func(tx *bbolt.Tx) (rows, bytes int64, err error) {
		if o.removed() { // since it was checked: what is put now might come after its rescue
			return 0, 0, ErrGone
		}
		for i := range entries {
			e := &entries[i]
			if there := find(tx, e); there != nil {
				earlier[e.ID] = there
				continue
			}
			key := e.key()
			if e.Retried {
				if err := tx.Bucket(idsBucket).Put(e.ID[:], key); err != nil {
					return 0, 0, err //nolint:wrapcheck // wrapped below
				}
			}
			if err := tx.Bucket(rowsBucket).Put(key, e.Value); err != nil {
				return 0, 0, err //nolint:wrapcheck // wrapped below
			}
			rows++
			bytes += int64(len(e.Value))
		}
		switch {
		case rows == 0:
			return 0, 0, errNothingNew
		case o.bytes.Load()+bytes > o.maxBytes:
			return 0, 0, ErrFull
		}
		return rows, bytes, nil
	})
	if errors.Is(err, ErrGone) {
		err = cmp.Or(o.Check(), err) // it may be back by now: nothing was put all the same
	}
	if err != nil && !errors.Is(err, errNothingNew) {
		return nil, fmt.Errorf("put %d rows into the outbox: %w", len(entries), err)
	}
	return earlier, nil
}

// Empty says whether it holds nothing.
func (o *Outbox) Empty() bool { return o.rows.Load() == 0 }

// Holds says whether it holds a row of one of the ids that may come again.
func (o *Outbox) Holds(ids []ID) bool {
	holds := false
	_ = o.view(func(tx *bbolt.Tx) error { // a View fails only when it is closed
		for _, id := range ids {
			holds = holds || tx.Bucket(idsBucket).Get(id[:]) != nil
		}
		return nil
	})
	return holds
}

// find is a copy of the value that an entry's id has already; nil: none.
func find(tx *bbolt.Tx, e *Entry) []byte {
	if !e.Retried {
		return nil
	}
	key := tx.Bucket(idsBucket).Get(e.ID[:])
	if key == nil {
		return nil
	}
	return append([]byte{}, tx.Bucket(rowsBucket).Get(key)...)
}

// Oldest returns up to so many entries, the oldest first.
func (o *Outbox) Oldest(limit int) ([]Entry, error) {
	var out []Entry
	err := o.view(func(tx *bbolt.Tx) error {
		cursor := tx.Bucket(rowsBucket).Cursor()
		for key, value := cursor.First(); key != nil && len(out) < limit; key, value = cursor.Next() {
			e := Entry{Value: append([]byte{}, value...)}
			e.Time = time.UnixMicro(int64(binary.BigEndian.Uint64(key))).UTC()
			copy(e.ID[:], key[8:])
			e.Retried = tx.Bucket(idsBucket).Get(e.ID[:]) != nil
			out = append(out, e)
		}
		if rows := o.rows.Load(); len(out) == 0 && rows > 0 { // or they would pass for delivered
			return o.changed("it is empty")
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the outbox: %w", err)
	}
	return out, nil
}

// Delete removes entries that were taken. A full disk may have room for few of them at a
// time: it takes pages to say that others are free. An error leaves some of them there.
func (o *Outbox) Delete(entries []Entry) error {
	err := o.delete(entries)
	if err == nil || len(entries) == 1 {
		return err
	}
	half := len(entries) / 2 //nolint:mnd // two halves
	if err := o.Delete(entries[:half]); err != nil {
		return err
	}
	return o.Delete(entries[half:])
}

func (o *Outbox) delete(entries []Entry) error {
	err := o.update(func(tx *bbolt.Tx) (rows, bytes int64, err error) {
		for i := range entries {
			key := entries[i].key()
			value := tx.Bucket(rowsBucket).Get(key)
			if value == nil {
				continue
			}
			rows--
			bytes -= int64(len(value))
			if err := errors.Join(tx.Bucket(rowsBucket).Delete(key), tx.Bucket(idsBucket).Delete(entries[i].ID[:])); err != nil {
				return 0, 0, err //nolint:wrapcheck // wrapped below
			}
		}
		return rows, bytes, nil
	})
	if err != nil {
		return fmt.Errorf("delete %d rows from the outbox: %w", len(entries), err)
	}
	return nil
}

// SetAside keeps a line about an entry that will never be taken, on stable storage,
// and then deletes the entry.
func (o *Outbox) SetAside(entry Entry, line []byte) error {
	aside, err := os.OpenFile(filepath.Join(o.folder, asideFile), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("set a row aside: %w", err)
	}
	_, err = aside.Write(append(line, '\n'))
	if err = errors.Join(err, aside.Sync(), aside.Close()); err != nil {
		return fmt.Errorf("set a row aside: %w", err)
	}
	return o.Delete([]Entry{entry})
}

// Stats says how much an outbox holds.
type Stats struct {
	Rows, Bytes int64
	MaxBytes    int64
	Oldest      time.Time // zero: it is empty
}

// Stats says how much it holds.
func (o *Outbox) Stats() Stats {
	out := Stats{Rows: o.rows.Load(), Bytes: o.bytes.Load(), MaxBytes: o.maxBytes}
	if out.Rows == 0 {
		return out
	}
	_ = o.view(func(tx *bbolt.Tx) error { // a View fails only when it is closed
		key, _ := tx.Bucket(rowsBucket).Cursor().First()
		if key == nil {
			// The last rows were deleted since they were counted.
			out.Rows, out.Bytes = 0, 0
			return nil
		}
		out.Oldest = time.UnixMicro(int64(binary.BigEndian.Uint64(key))).UTC()
		return nil
	})
	return out
}

// Close closes it; what it holds stays for a successor.
func (o *Outbox) Close() error {
	_ = o.Check() // or what a removed file holds would go with the process
	if err := o.faulting(o.database.Close); err != nil {
		return fmt.Errorf("close the outbox: %w", err)
	}
	return nil
}
