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
	other := *s
	other.DatabaseURL = c.To
	from, err := s.open(ctx, log, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	to, err := other.database(log, nil)
	if err != nil {
		return fmt.Errorf("--to: %w", err)
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	if err := errors.Join(from.Own(), to.Own(), to.Migrate(ctx)); err != nil {
		return err //nolint:wrapcheck // it names the key
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
