// Package importing puts employees on record from files, all or none.
package importing

import (
	"context"

	"github.com/futurisys/futurisys/services/persistence/internal/ingest"
	"github.com/futurisys/futurisys/services/persistence/internal/profile"
	"github.com/futurisys/futurisys/services/persistence/internal/store"
	"github.com/futurisys/futurisys/services/platform/rules"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// Files are the files of an import, by what they hold.
type Files = map[ingest.Kind]ingest.File

// Report is what an import did, or with ValidateOnly would do.
type Report struct {
	Employees    int
	Changes      store.ImportCounts
	Problems     ingest.Report
	Categories   []Category
	ValidateOnly bool
}

// RefusedError says that files have problems, so that nothing of them was written.
type RefusedError struct{ Problems *ingest.Report }

func (e *RefusedError) Error() string {
	return e.Problems.Count() + " problems in the files"
}

// Importer imports. Many goroutines may use it at once.
type Importer struct {
	employees store.Employees
	rules     rules.Checker
}

// New returns an importer that writes to employees.
func New(employees store.Employees) (*Importer, error) {
	checker, err := rules.New(&futurisysv1.EmployeeProfile{})
	if err != nil {
		return nil, err //nolint:wrapcheck // it says what it was doing
	}
	return &Importer{employees: employees, rules: checker}, nil
}

// Import reads files and writes their employees; progress is called with how many are
// done of how many. Files with problems give a RefusedError. With validateOnly nothing is
// written, and problems are in the report instead. store.ErrChanged says that a record
// changed in the meantime.
func (i *Importer) Import(ctx context.Context, files Files, validateOnly bool, progress func(done, total int)) (*Report, error) {
	employees, problems := ingest.Parse(files, i.check)
	report := &Report{Employees: len(employees), Problems: *problems, Categories: countCategories(employees), ValidateOnly: validateOnly}
	if len(problems.Problems) > 0 {
		if !validateOnly {
			return nil, &RefusedError{problems}
		}
		return report, nil
	}
	var err error
	report.Changes, err = i.employees.ImportEmployees(ctx, employees, !validateOnly, func(done int) { progress(done, len(employees)) })
	return report, err //nolint:wrapcheck // the store says what it was doing
}

func (i *Importer) check(p store.Profile) []*futurisysv1.Violation {
	return i.rules.Check(profile.Message(p))
}
