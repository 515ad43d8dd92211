// Package store says what persistence keeps, in its own words: no database, no
// gRPC.
package store

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Errors of a store.
var (
	// ErrNotFound says that there is no such row.
	ErrNotFound = errors.New("not found")
	// ErrExists says that the id is taken.
	ErrExists = errors.New("exists already")
	// ErrChanged says that the row is not as the caller believes.
	ErrChanged = errors.New("changed since it was read")
	// ErrUnavailable says that the database cannot do it now: it does not answer, is full,
	// or is handing over. Trying again may help.
	ErrUnavailable = errors.New("the database is unavailable")
	// ErrDamaged says that pages of the database do not read: that comes with ErrUnavailable,
	// and no wait mends it.
	ErrDamaged = errors.New("the database is damaged")
	// ErrTimeout says that the database gave a statement up that took too long.
	ErrTimeout = errors.New("the database took too long")
	// ErrRefused says that a row breaks a rule of the schema. Trying again is of no
	// use.
	ErrRefused = errors.New("the database refuses the row")
)

// How far rows are counted; beyond it a size is an estimate. A company and a batch, which
// people compare with what they know, are counted further than a record of millions.
const (
	CountLimit         = 1_000
	EmployeeCountLimit = 5_000
	BatchCountLimit    = 10_000
)

// Employee is a person on record.
type Employee struct {
	ID          int32
	DisplayName string
	Profile     Profile
	CreateTime  time.Time
	UpdateTime  time.Time
	Revision    int32 // counts the changes, from 1
	// Generation tells apart the persons who had this id one after the other.
	Generation int32
	Latest     *Summary // newest score; only in Get and List
}

// Etag changes with every change of the record, and between a record and one
// that takes its id later.
func (e *Employee) Etag() string {
	return fmt.Sprintf("%x-%x", e.Generation, e.Revision)
}

// ImportCounts says what an import does with its employees.
type ImportCounts struct {
	Created, Updated, Unchanged int
}

// Erased says what was on record of a person.
type Erased struct {
	Record      bool
	Predictions int // conflicts among them
}

// Employees keeps employees.
type Employees interface {
	// Employee reads one. ErrNotFound: there is none.
	Employee(ctx context.Context, id int32) (*Employee, error)
	// ListEmployees reads a page, each with its newest score.
	ListEmployees(ctx context.Context, query EmployeeQuery) (*Page[Employee], error)
	// EmployeesByID reads those of the ids that are on record, by id, without
	// their newest score.
	EmployeesByID(ctx context.Context, ids []int32) ([]Employee, error)
	// CreateEmployee adds one; id 0 takes the next number, which nobody ever had.
	// ErrExists: the id is taken.
	CreateEmployee(ctx context.Context, employee Employee) (*Employee, error)
	// UpdateEmployee changes one in a transaction; change gets it as it is and
	// may refuse with an error. ErrNotFound: there is none. ErrChanged: another
	// change came in between.
	UpdateEmployee(ctx context.Context, id int32, change func(*Employee) error) (*Employee, error)
	// DeleteEmployee removes one; its predictions stay. check gets it as it is
	// and may refuse with an error. ErrNotFound, ErrChanged as UpdateEmployee.
	DeleteEmployee(ctx context.Context, id int32, check func(*Employee) error) error
	// EraseEmployee removes all that is on record of the person who had an id in a
	// generation; 0: who has it now, or when nobody does all who had it. What comes of her
	// later is not recorded. ErrNotFound: nobody ever had the id. ErrUnavailable: it is done,
	// and the files are not written over yet; another call does that.
	EraseEmployee(ctx context.Context, id, generation int32) (Erased, error)
	// ImportEmployees adds and changes employees, all or none; without write it
	// only counts. progress is called with how many are done.
	ImportEmployees(ctx context.Context, employees []Employee, write bool, progress func(done int)) (ImportCounts, error)
}

// Predictions keeps predictions.
type Predictions interface {
	// RecordPredictions adds those whose id is not on record, in one transaction.
	// answered: their callers have them, so that one which is another answer than
	// that on record is kept as a conflict. ErrRefused: one of them breaks a rule,
	// and none was added.
	RecordPredictions(ctx context.Context, predictions []Prediction, answered bool) (*Recorded, error)
	// Prediction reads one. ErrNotFound: there is none.
	Prediction(ctx context.Context, id string) (*Prediction, error)
	// ListPredictions reads a page.
	ListPredictions(ctx context.Context, query PredictionQuery) (*Page[Prediction], error)
	// ListConflicts reads a page of conflicts, the newest first, from below the
	// number before (0: from the newest).
	ListConflicts(ctx context.Context, before int64, limit int) (*Page[Conflict], error)
}

// Store keeps all.
type Store interface {
	Employees
	Predictions
	Aliases
	Audits
	Keys
	// Ping says whether the database answers.
	Ping(ctx context.Context) error
}
