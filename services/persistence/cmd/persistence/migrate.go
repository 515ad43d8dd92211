package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/futurisys/futurisys/services/persistence/internal/store/gormstore"
)

type migrateCommand struct {
	Down bool `help:"Take the schema back by one version."`
}

// Run migrates and prints to which version.
func (c migrateCommand) Run(s *settings) (err error) {
	ctx := context.Background()
	rows, err := gormstore.Open(s.DatabaseURL)
	if err != nil {
		return err //nolint:wrapcheck // it names the key
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	if c.Down {
		err = rows.MigrateDown(ctx)
	} else {
		_, err = rows.Migrate(ctx)
	}
	if err != nil {
		return err //nolint:wrapcheck // it says what it was doing
	}
	current, newest, err := rows.SchemaVersions(ctx)
	if err != nil {
		return err //nolint:wrapcheck // it says what it was doing
	}
	fmt.Printf("schema version %d of %d\n", current, newest)
	return nil
}
