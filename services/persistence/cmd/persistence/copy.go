package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/futurisys/futurisys/services/platform/telemetry"
)

type copyCommand struct {
	To string `required:"" help:"The URL of the other database, as DATABASE_URL."`
}

// Run copies all that is on record to another database, and compares the two.
func (c copyCommand) Run(s *settings) (err error) {
	ctx, start := context.Background(), time.Now()
	log := telemetry.NewLogger(os.Stderr, "persistence", s.LogLevel, s.LogFormat)
	s.DatabaseStatementTimeout = 0 // it takes as long as there are rows
	source, target := s.options("futurisys-copy"), s.options("futurisys-copy")
	source.Existing, target.URL, target.Key = true, c.To, "--to"
	from, err := s.open(ctx, source, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	to, err := s.connect(target, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	if same, err := from.SameAs(ctx, to); err != nil {
		return err //nolint:wrapcheck // it says what it was doing
	} else if same {
		return errors.New("--to: it is the database of DATABASE_URL")
	}
	if err := from.Alone(ctx); err != nil {
		return fmt.Errorf("DATABASE_URL: %w", err)
	}
	if err := to.Alone(ctx); err != nil {
		return fmt.Errorf("--to: %w", err)
	}
	if err := to.Foreign(ctx); err != nil {
		return fmt.Errorf("--to: %w", err)
	}
	if err := migrate(ctx, to, log); err != nil {
		return fmt.Errorf("--to: %w", err)
	}
	said := time.Now()
	copied, err := from.CopyTo(ctx, to, func(table string, rows int64) {
		if time.Since(said) > time.Second {
			said = time.Now()
			fmt.Fprintf(os.Stderr, "%s: %d rows\n", table, rows)
		}
	})
	if err != nil {
		return err //nolint:wrapcheck // it says what it was doing
	}
	for _, table := range copied {
		fmt.Printf("%-22s %9d rows on both sides, digest %.16s\n", table.Table, table.Rows, table.Digest)
	}
	fmt.Printf("copied and compared in %s\n", time.Since(start).Round(time.Second))
	return nil
}
