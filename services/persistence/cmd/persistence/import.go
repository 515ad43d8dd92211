package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/futurisys/futurisys/services/persistence/internal/importing"
	"github.com/futurisys/futurisys/services/persistence/internal/ingest"
	"github.com/futurisys/futurisys/services/persistence/internal/store"
	"github.com/futurisys/futurisys/services/platform/telemetry"
)

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
	files := importing.Files{}
	for kind, path := range map[ingest.Kind]string{
		ingest.Joined: c.Joined, ingest.SIRH: c.Sirh, ingest.Evaluation: c.Eval, ingest.Survey: c.Sondage,
	} {
		if path == "" {
			continue
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return fmt.Errorf("read the %s file: %w", kind, err)
		}
		files[kind] = ingest.File{content}
	}
	ctx := context.Background()
	rows, err := s.open(ctx, s.options("futurisys-import"), telemetry.NewLogger(os.Stderr, "persistence", s.LogLevel, s.LogFormat))
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
	importer, err := importing.New(rows)
	if err != nil {
		return err //nolint:wrapcheck // it says what it was doing
	}
	report, err := importer.Import(ctx, files, c.ValidateOnly, func(done, total int) {
		fmt.Fprintf(os.Stderr, "%d of %d employees\n", done, total)
	})
	if refused, ok := errors.AsType[*importing.RefusedError](err); ok {
		printProblems(refused.Problems)
	}
	if err != nil {
		return err //nolint:wrapcheck // it says what it was doing
	}
	printProblems(&report.Problems)
	fmt.Printf("%d employees: %d created, %d updated, %d unchanged, %s problems\n", report.Employees,
		report.Changes.Created, report.Changes.Updated, report.Changes.Unchanged, report.Problems.Count())
	return nil
}

// printProblems prints a line for each problem: file:line:column: what is wrong.
func printProblems(found *ingest.Report) {
	for _, problem := range found.Problems {
		fmt.Printf("%s:%d:%s: %s\n", problem.Kind, problem.Line, problem.Violation.GetField(), problem.Violation.GetMessage())
	}
}
