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
	Yes  bool `help:"Also if rows or columns are lost by it."`
}

// Run migrates and prints to which version.
func (c migrateCommand) Run(s *settings) (err error) {
	ctx := context.Background()
	s.DatabaseStatementTimeout = 0 // a migration takes as long as there are rows
	log := telemetry.NewLogger(os.Stderr, "persistence", s.LogLevel, s.LogFormat)
	options := s.options("futurisys-migrate")
	options.Existing = c.Down
	rows, err := s.connect(options, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	if c.Down {
		err = c.down(ctx, rows)
	} else {
		err = migrate(ctx, rows, log)
	}
	if err != nil {
		return err //nolint:wrapcheck // it says what it was doing
	}
	schema, err := rows.Schema(ctx)
	if err != nil {
		return err //nolint:wrapcheck // it says what it was doing
	}
	fmt.Printf("schema version %d of %d\n", schema.Current, schema.Newest)
	if !c.Down {
		return checkSchema(ctx, rows, log)
	}
	return nil
}

// down takes the schema back, if nothing is lost by it or that was asked for.
func (c migrateCommand) down(ctx context.Context, rows *gormstore.Store) error {
	if err := rows.Alone(ctx); err != nil {
		return fmt.Errorf("DATABASE_URL: %w", err)
	}
	schema, err := rows.Schema(ctx)
	if err != nil {
		return err //nolint:wrapcheck // it says what it was doing
	}
	if lost := schema.Lost(); lost != "" && !c.Yes {
		return fmt.Errorf("taking the schema back from version %d loses %s: back the database up, and say --yes", schema.Current, lost)
	}
	return rows.MigrateDown(ctx) //nolint:wrapcheck // it says what it was doing
}
