package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/futurisys/futurisys/services/persistence/internal/ingest"
	"github.com/futurisys/futurisys/services/persistence/internal/server"
	"github.com/futurisys/futurisys/services/persistence/internal/store"
	"github.com/futurisys/futurisys/services/persistence/internal/store/gormstore"
)

type migrateCommand struct {
	Down bool `help:"Take the schema back by one version."`
}

// Run migrates and says to which version.
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

type importCommand struct {
	Joined       string `help:"One file with all columns." type:"existingfile"`
	Sirh         string `help:"The extract of the HR system." type:"existingfile"`
	Eval         string `help:"The extract of the yearly reviews." type:"existingfile"`
	Sondage      string `help:"The extract of the survey." type:"existingfile"`
	ValidateOnly bool   `help:"Check and report, change nothing."`
	OnlyIfEmpty  bool   `help:"Do nothing when anybody is on record."`
}

// Run imports and prints the report.
func (c importCommand) Run(s *settings) (err error) {
	files := map[ingest.Kind][]byte{}
	for kind, path := range map[ingest.Kind]string{
		ingest.Joined: c.Joined, ingest.SIRH: c.Sirh, ingest.Evaluation: c.Eval, ingest.Survey: c.Sondage,
	} {
		if path == "" {
			continue
		}
		if files[kind], err = os.ReadFile(path); err != nil {
			return fmt.Errorf("read the %s file: %w", kind, err)
		}
	}
	ctx := context.Background()
	rows, err := s.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	if c.OnlyIfEmpty {
		found, err := rows.ListEmployees(ctx, store.EmployeeQuery{Limit: 1})
		if err != nil {
			return err //nolint:wrapcheck // it says what it was doing
		}
		if found.Total > 0 {
			fmt.Printf("%d employees are on record: nothing is imported\n", found.Total)
			return nil
		}
	}
	employees, err := server.NewEmployee(rows)
	if err != nil {
		return err //nolint:wrapcheck // it says what it was doing
	}
	report, err := employees.Import(ctx, files, c.ValidateOnly, func(done, total int) {
		fmt.Fprintf(os.Stderr, "%d of %d employees\n", done, total)
	})
	if err != nil {
		return err //nolint:wrapcheck // it lists what is wrong
	}
	for _, problem := range report.GetProblems() {
		fmt.Printf("%s:%d:%s: %s\n", ingest.Kind(problem.GetKind()), problem.GetLine(), problem.GetViolation().GetField(), problem.GetViolation().GetMessage())
	}
	fmt.Printf("%d employees: %d created, %d updated, %d unchanged, %d problems\n", report.GetEmployeeCount(),
		report.GetCreatedCount(), report.GetUpdatedCount(), report.GetUnchangedCount(), report.GetProblemCount())
	return nil
}
