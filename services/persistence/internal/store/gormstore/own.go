package gormstore

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"

	"gorm.io/gorm"
)

// ServerName is the Name of the connections of a process that serves a database.
const ServerName = "futurisys-persistence"

// Own makes this process the only one that serves the database's file; PostgreSQL may be
// served by many. It lasts until Close.
func (s *Store) Own() error {
	if s.file == nil {
		return nil
	}
	locked, err := s.file.lock.TryLock()
	if err != nil {
		return fmt.Errorf("lock %s: %w", s.file.path, err)
	}
	if !locked {
		return fmt.Errorf("another process serves %s already", s.file.given)
	}
	return nil
}

// Alone returns an error when another process serves the database. Of SQLite none does until
// Close then; one that serves PostgreSQL may start later.
func (s *Store) Alone(ctx context.Context) error {
	if s.dialect == SQLite {
		return s.Own()
	}
	var connections int
	err := scan(s.read.WithContext(ctx).Raw("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = ?", ServerName), &connections)
	if err != nil {
		return fmt.Errorf("look who serves the database: %w", err)
	}
	if connections > 0 {
		return fmt.Errorf("another process serves the database: it has %d connections", connections)
	}
	return nil
}

// Foreign returns an error when a database holds tables of another program, and none of ours.
func (s *Store) Foreign(ctx context.Context) error {
	query := "SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema()"
	if s.dialect == SQLite {
		query = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
	}
	var tables []string
	if err := scan(s.read.WithContext(ctx).Raw(query), &tables); err != nil {
		return fmt.Errorf("look what the database holds: %w", err)
	}
	if len(tables) > 0 && !slices.Contains(tables, "goose_db_version") {
		return fmt.Errorf("it holds tables of another program: %s", strings.Join(tables[:min(len(tables), 5)], ", ")) //nolint:mnd // some of them
	}
	return nil
}

// SameAs says whether two stores are of one database, by whatever names.
func (s *Store) SameAs(ctx context.Context, other *Store) (same bool, err error) {
	if s.dialect != other.dialect {
		return false, nil
	}
	if s.dialect == SQLite {
		return os.SameFile(s.file.opened, other.file.opened), nil
	}
	// An advisory lock is its database's: of one database the other session does not get it.
	const lock = "SELECT pg_try_advisory_xact_lock(?)"
	key := rand.Int64() //nolint:gosec // a name, not a secret
	err = s.record.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
		var locked, lockedToo bool
		if err := scan(tx.Raw(lock, key), &locked); err != nil {
			return err
		}
		if err := scan(other.record.WithContext(ctx).Raw(lock, key), &lockedToo); err != nil {
			return err
		}
		same = !lockedToo
		return nil
	})
	if err != nil {
		return false, fmt.Errorf("look whether they are one database: %w", err)
	}
	return same, nil
}
