package outbox

import (
	"errors"
	"fmt"
	"os"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

// errDamaged says that the file was looked at and is not a whole outbox. An error that
// is not known says nothing of the file: a lock that cannot be had, a disk that does not
// answer.
var errDamaged = errors.New("the file is damaged")

// open opens a file, and looks through all of it: bbolt trusts its pages, and a
// cut or overwritten file would end the process at some later call.
func open(path string) (database *bbolt.DB, err error) {
	if info, err := os.Stat(path); err == nil && info.Size() == 0 {
		return nil, fmt.Errorf("%w: it is empty", errDamaged)
	}
	defer func() {
		if panicked := recover(); panicked != nil {
			err = fmt.Errorf("%w: %v", errDamaged, panicked)
		}
		if err != nil && database != nil {
			_ = database.Close() // it may be closed already
			database = nil
		}
	}()
	database, err = bbolt.Open(path, 0o600, &bbolt.Options{Timeout: lockTimeout, FreelistType: bbolt.FreelistMapType})
	if err != nil {
		return nil, damage(err)
	}
	if err := whole(database, path); err != nil {
		return database, err
	}
	err = database.Update(func(tx *bbolt.Tx) error {
		_, rows := tx.CreateBucketIfNotExists(rowsBucket)
		_, ids := tx.CreateBucketIfNotExists(idsBucket)
		return errors.Join(rows, ids)
	})
	if err != nil {
		return database, fmt.Errorf("prepare the outbox: %w", err)
	}
	return database, nil
}

// damage tells errors of the file's first pages from all others.
func damage(err error) error {
	if errors.Is(err, bolterrors.ErrInvalid) || errors.Is(err, bolterrors.ErrChecksum) {
		return fmt.Errorf("%w: %w", errDamaged, err)
	}
	return err
}

// whole checks that the file is as long as it says, before any page is read, and
// then every page.
func whole(database *bbolt.DB, path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("look at the outbox: %w", err)
	}
	return database.View(func(tx *bbolt.Tx) error { //nolint:wrapcheck // it is our own
		if tx.Size() > info.Size() {
			return fmt.Errorf("%w: %d bytes of %d", errDamaged, info.Size(), tx.Size())
		}
		var failed error
		for err := range tx.Check() {
			failed = errors.Join(failed, err)
		}
		if failed != nil {
			return fmt.Errorf("%w: %w", errDamaged, failed)
		}
		return nil
	})
}
