package gormstore

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

//go:embed migrations
var migrations embed.FS

// Schema is how far a database's schema is.
type Schema struct {
	// Current is its version, Newest the newest that this program knows.
	Current, Newest int64
	// OldestProgram is the newest version that a program has to know to work with it.
	OldestProgram int64
}

// ErrNewerSchema says that a database was made by a newer program.
var ErrNewerSchema = errors.New("this program is older than the database")

// Check returns an error unless this program works with the schema. ErrNewerSchema: it is
// too old for it.
func (s Schema) Check() error {
	switch {
	case s.Current < s.Newest:
		return fmt.Errorf("the database's schema is version %d, this program needs %d: run `persistence migrate`", s.Current, s.Newest)
	case s.OldestProgram > s.Newest:
		return fmt.Errorf("%w: the schema is version %d, for programs that know at least %d, and this one knows %d: run a newer program",
			ErrNewerSchema, s.Current, s.OldestProgram, s.Newest)
	}
	return nil
}

// Migrate brings the schema to the newest version. Several processes may start at once: on
// PostgreSQL they take turns. A schema that is newer already stays as it is.
func (s *Store) Migrate(ctx context.Context) error {
	schema, err := s.Schema(ctx)
	if err != nil || schema.Current >= schema.Newest {
		return err
	}
	provider, err := s.migrations()
	if err != nil {
		return err
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("migrate the schema: %w", err)
	}
	return nil
}

// Lost is what is gone for good when the schema is taken back by one version; "": nothing.
func (s Schema) Lost() string {
	return map[int64]string{
		1: "all employees", 2: "all predictions", 3: "the request ids of predictions, and the answers that conflict with those on record",
		4: "the explanations of all predictions", 5: "the latest scores, the changes of aliases, and of predictions their kind, source, row and requested version",
		9: "the audit events, the keys of callers, and whose predictions are not recorded any more",
	}[s.Current]
}

// MigrateDown takes the schema back by one version. ErrNewerSchema: only a newer program
// knows how.
func (s *Store) MigrateDown(ctx context.Context) error {
	schema, err := s.Schema(ctx)
	if err != nil {
		return err
	}
	if schema.Current > schema.Newest {
		return fmt.Errorf("%w: the schema is version %d, and it knows %d", ErrNewerSchema, schema.Current, schema.Newest)
	}
	provider, err := s.migrations()
	if err != nil {
		return err
	}
	if _, err := provider.Down(ctx); err != nil {
		return fmt.Errorf("take the schema back: %w", err)
	}
	return nil
}

// Schema reads how far the schema is.
func (s *Store) Schema(ctx context.Context) (Schema, error) {
	provider, err := s.migrations()
	if err != nil {
		return Schema{}, err
	}
	var schema Schema
	if schema.Current, err = provider.GetDBVersion(ctx); err != nil {
		return Schema{}, fmt.Errorf("read the schema's version: %w", err)
	}
	sources := provider.ListSources()
	if schema.Newest = sources[len(sources)-1].Version; schema.Current <= schema.Newest {
		return schema, nil
	}
	if err := scan(s.write.WithContext(ctx).Raw("SELECT oldest_program FROM schema_compatibility"), &schema.OldestProgram); err != nil {
		return Schema{}, fmt.Errorf("read for which programs the schema is: %w", err)
	}
	return schema, nil
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
