package gormstore

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
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

// SameAs says whether two SQLite databases are one file.
func (s *Store) SameAs(other *Store) bool {
	return s.file != nil && other.file != nil && os.SameFile(s.file.opened, other.file.opened)
}
