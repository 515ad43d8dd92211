package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/futurisys/futurisys/services/persistence/internal/store/gormstore"
	"github.com/futurisys/futurisys/services/platform/telemetry"
)

type backupCommand struct {
	File string `arg:"" help:"The new file." type:"path"`
}

// Run backs the database up, while it may be in use.
func (c backupCommand) Run(s *settings) (err error) {
	options := s.options("futurisys-backup")
	options.Existing = true
	rows, err := s.connect(options, telemetry.NewLogger(os.Stderr, "persistence", s.LogLevel, s.LogFormat))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	done, err := rows.Backup(context.Background(), c.File)
	if err != nil {
		return err //nolint:wrapcheck // it says what it was doing
	}
	fmt.Printf("%d predictions are in %s, all that were on record at %s\n", done.Predictions, c.File, done.Time.UTC().Format(time.RFC3339))
	return nil
}

type restoreCommand struct {
	File string `arg:"" help:"A file that backup wrote." type:"existingfile"`
}

// Run puts a backup in the place of the database.
func (c restoreCommand) Run(s *settings) error {
	predictions, kept, err := gormstore.Restore(context.Background(), c.File, s.DatabaseURL)
	if err != nil {
		return err //nolint:wrapcheck // it says what it was doing
	}
	fmt.Printf("%d predictions are on record\n", predictions)
	if kept != "" {
		fmt.Printf("what was there before is in %s\n", kept)
	}
	return nil
}
