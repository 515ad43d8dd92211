package outbox

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync"
	"time"

	"go.etcd.io/bbolt"
)

// removedMark is in the name of a file with what an outbox held whose own was removed.
const removedMark = ".removed-"

// gone is what is known of a file that is not the outbox's any more.
type gone struct {
	rescue  sync.Mutex // held while what it holds is written out
	mutex   sync.Mutex
	because error // nil: it is as it was left

	// transaction is held during each: one that ended in a panic leaves bbolt's own locks
	// held, for ever. The fields below are its.
	transaction sync.Mutex
	begun       int  // the last transaction that writes
	faulted     bool // the file must not be touched any more
}

// Check returns ErrGone when the path leads to another file by now, or to none, or when the
// file is not as it was left. What a removed file holds is written out beside it then, for
// `inference outbox import`: it would go with the process.
func (o *Outbox) Check() error {
	if !o.removed() {
		return o.gone.known()
	}
	o.gone.rescue.Lock()
	defer o.gone.rescue.Unlock()
	if known := o.gone.known(); known != nil {
		return known
	}
	return o.gone.note(o.rescue(filepath.Join(o.folder, file)))
}

// removed says whether the path leads to another file by now, or to none.
func (o *Outbox) removed() bool {
	now, err := os.Stat(filepath.Join(o.folder, file))
	return err != nil || !os.SameFile(now, o.opened)
}

func (g *gone) known() error {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	return g.because
}

// note keeps the first reason.
func (g *gone) note(because error) error {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	if g.because == nil {
		g.because = because
	}
	return g.because
}

// rescue writes out what an open file holds to which no path leads any more. Nothing is put
// into it from then on: see Put.
func (o *Outbox) rescue(path string) error {
	saved := path + removedMark + time.Now().UTC().Format("20060102T150405Z")
	const owner = 0o600
	var rows int64
	err := o.faulting(func() error {
		if rows = o.rows.Load(); rows == 0 {
			return nil
		}
		return o.database.View(func(tx *bbolt.Tx) error { return tx.CopyFile(saved+".partial", owner) })
	})
	if err == nil && rows == 0 {
		return fmt.Errorf("%s: %w: it held nothing; restart", path, ErrGone)
	}
	if err == nil {
		err = os.Rename(saved+".partial", saved)
	}
	if err != nil {
		return fmt.Errorf("%s: %w: %d predictions are in this process alone (%w): bring persistence back before it is restarted", path, ErrGone, rows, err)
	}
	return fmt.Errorf("%s: %w: its %d predictions are in %s: restart, and then `inference outbox import` it", path, ErrGone, rows, saved)
}

// changed notes that somebody else wrote into the file.
func (o *Outbox) changed(cause any) error {
	return o.gone.note(fmt.Errorf("%s: %w (%v): of its %d predictions some may be lost; restart", filepath.Join(o.folder, file), ErrGone, cause, o.rows.Load()))
}

// update runs a transaction that writes, which says by how many rows and bytes the outbox
// grows.
func (o *Outbox) update(write func(*bbolt.Tx) (rows, bytes int64, err error)) error {
	return o.faulting(func() error {
		var rows, bytes int64
		err := o.database.Update(func(tx *bbolt.Tx) (err error) {
			// The number grows by one with each that was written; of a file that was
			// overwritten with another one it is any.
			before, now := o.gone.begun, tx.ID()
			if before != 0 && now != before && now != before+1 {
				return o.changed(fmt.Sprintf("its transaction %d comes after %d", now, before))
			}
			o.gone.begun = now
			rows, bytes, err = write(tx)
			return err
		})
		if err == nil {
			o.rows.Add(rows)
			o.bytes.Add(bytes)
		}
		return err //nolint:wrapcheck // wrapped by who asks
	})
}

// view runs a transaction that reads.
func (o *Outbox) view(read func(*bbolt.Tx) error) error {
	return o.faulting(func() error {
		return o.database.View(func(tx *bbolt.Tx) error { //nolint:wrapcheck // wrapped by who asks
			begun, now := o.gone.begun, tx.ID() // of the last that was written: begun, or the one before
			if begun != 0 && now != begun && now != begun-1 {
				return o.changed(fmt.Sprintf("its transaction %d comes after %d", now, begun))
			}
			return read(tx)
		})
	})
}

// faulting runs what reads the mapped file. Pages that are not there any more, or make no
// sense, are an error then, and not the end of the process.
func (o *Outbox) faulting(work func() error) (err error) {
	o.gone.transaction.Lock()
	defer o.gone.transaction.Unlock()
	if o.gone.faulted {
		return o.changed("it does not read")
	}
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if cause := recover(); cause != nil {
			o.gone.faulted = true
			err = o.changed(cause)
		}
	}()
	return work()
}
