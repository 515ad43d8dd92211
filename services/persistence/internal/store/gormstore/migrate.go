package gormstore

import (
	"context"
	"embed"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

//go:embed migrations
var migrations embed.FS

// Migrate brings the schema to the newest version and returns it. Several
// processes may start at once: on PostgreSQL they take turns.
func (s *Store) Migrate(ctx context.Context) (int64, error) {
	provider, err := s.migrations()
	if err != nil {
		return 0, err
	}
	if _, err := provider.Up(ctx); err != nil {
		return 0, fmt.Errorf("migrate the schema: %w", err)
	}
	version, err := provider.GetDBVersion(ctx)
	if err != nil {
		return 0, fmt.Errorf("read the schema's version: %w", err)
	}
	return version, nil
}

// MigrateDown takes the schema back by one version.
func (s *Store) MigrateDown(ctx context.Context) error {
	provider, err := s.migrations()
	if err != nil {
		return err
	}
	if _, err := provider.Down(ctx); err != nil {
		return fmt.Errorf("take the schema back: %w", err)
	}
	return nil
}

// SchemaVersions returns the database's version of the schema and the newest.
func (s *Store) SchemaVersions(ctx context.Context) (current, newest int64, err error) {
	provider, err := s.migrations()
	if err != nil {
		return 0, 0, err
	}
	if current, err = provider.GetDBVersion(ctx); err != nil {
		return 0, 0, fmt.Errorf("read the schema's version: %w", err)
	}
	sources := provider.ListSources()
	return current, sources[len(sources)-1].Version, nil
}

func (s *Store) migrations() (*goose.Provider, error) {
	database, err := s.write.DB()
	if err != nil {
		return nil, fmt.Errorf("reach the database: %w", err)
	}
	folder, err := fs.Sub(migrations, "migrations/"+s.dialect)
	if err != nil {
		return nil, fmt.Errorf("find the migrations: %w", err)
	}
	options := []goose.ProviderOption{goose.WithVerbose(false), goose.WithGoMigrations(s.fillSearchText())}
	dialect := goose.DialectSQLite3
	if s.dialect == Postgres {
		dialect = goose.DialectPostgres
		// A row of a table, and not a lock of the session: a pooler gives each transaction
		// another session.
		locker, err := lock.NewPostgresTableLocker()
		if err != nil {
			return nil, fmt.Errorf("prepare the lock of migrations: %w", err)
		}
		options = append(options, goose.WithLocker(locker))
	}
	provider, err := goose.NewProvider(dialect, database, folder, options...)
	if err != nil {
		return nil, fmt.Errorf("read the migrations: %w", err)
	}
	return provider, nil
}
