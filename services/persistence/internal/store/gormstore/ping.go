package gormstore

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"gorm.io/gorm"

	"github.com/futurisys/futurisys/services/persistence/internal/store"
)

// Ping says whether the database answers, and whether rows can be written: whether it is
// full or read-only shows only when one is tried.
func (s *Store) Ping(ctx context.Context) error {
	if err := s.file.check(); err != nil {
		return err
	}
	if err := errors.Join(s.seen.damaged(), s.seen.lastFailure()); err != nil {
		return err
	}
	if s.seen.writable() {
		return s.answers(ctx)
	}
	// Nothing changes, but it has to be written all the same.
	if err := s.record.WithContext(ctx).Exec("UPDATE counters SET value = value WHERE name = ?", counterID).Error; err != nil {
		return fmt.Errorf("no row can be written: %w", err)
	}
	if err := s.seen.room.check(func() error { return s.tryRoom(ctx) }); err != nil {
		return fmt.Errorf("no row can be written: %w", err)
	}
	s.seen.wrote()
	return nil
}

func (s *Store) answers(ctx context.Context) error {
	if s.dialect == SQLite {
		var one int
		return scan(s.read.WithContext(ctx).Raw("SELECT 1"), &one)
	}
	var readOnly string
	if err := scan(s.record.WithContext(ctx).Raw("SHOW transaction_read_only"), &readOnly); err != nil {
		return fmt.Errorf("reach the database: %w", err)
	}
	if readOnly == "on" {
		s.seen.sessionsEnd()
		return fmt.Errorf("%w: it is read-only", store.ErrUnavailable)
	}
	return nil
}

// Room that is tried out is more than the rows that are recorded together need.
const (
	roomBytes    = 4 << 20
	roomInterval = 5 * time.Second
)

// room is whether there was room when it was last looked for, which costs some itself.
type room struct {
	mutex sync.Mutex
	at    time.Time
	err   error
}

func (r *room) check(try func() error) error {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if r.err == nil || time.Since(r.at) > roomInterval {
		r.at, r.err = time.Now(), try()
	}
	return r.err
}

// tryRoom returns an error unless the disk has room. One statement that changes a row needs
// none that is not there already.
func (s *Store) tryRoom(ctx context.Context) error {
	if s.dialect == SQLite {
		if err := hasRoom(s.file.path, roomBytes); err != nil {
			return fmt.Errorf("%w (%s): %w", store.ErrUnavailable, classDiskFull, err)
		}
		return nil
	}
	err := s.record.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
		const bytesPerRow = 36 // of PostgreSQL's own
		return tx.Exec(fmt.Sprintf("CREATE TEMPORARY TABLE room ON COMMIT DROP AS SELECT n FROM generate_series(1, %d) AS n", roomBytes/bytesPerRow)).Error
	})
	if failed, ok := errors.AsType[*pgconn.PgError](err); ok && failed.Code == insufficientPrivilege {
		return nil // then it is the next row that tells
	}
	return err //nolint:wrapcheck // Ping says what it was doing
}

// insufficientPrivilege is PostgreSQL's code for a role that may make no temporary tables.
const insufficientPrivilege = "42501"
