package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/futurisys/futurisys/services/persistence/internal/store/gormstore"
	"github.com/futurisys/futurisys/services/platform/telemetry"
)

type migrateCommand struct {
	Down bool `help:"Take the schema back by one version."`
}

// Run migrates and prints to which version.
func (c migrateCommand) Run(s *settings) (err error) {
	ctx := context.Background()
	s.DatabaseStatementTimeout = 0 // a migration takes as long as there are rows
	rows, err := s.database(telemetry.NewLogger(os.Stderr, "persistence", s.LogLevel, s.LogFormat), nil)
	if err != nil {
		return err //nolint:wrapcheck // it names the key
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	if c.Down {
		err = rows.MigrateDown(ctx)
	} else {
		err = rows.Migrate(ctx)
	}
	if err != nil {
		return err //nolint:wrapcheck // it says what it was doing
	}
	schema, err := rows.Schema(ctx)
	if err != nil {
		return err //nolint:wrapcheck // it says what it was doing
	}
	if schema.Current > schema.Newest {
		return fmt.Errorf("%w: the schema is version %d, and it knows %d", gormstore.ErrNewerSchema, schema.Current, schema.Newest)
	}
	fmt.Printf("schema version %d of %d\n", schema.Current, schema.Newest)
	return nil
}
