// Package store says what persistence keeps, in its own words: no database, no
// gRPC.
package store

import (
	"context"
	"errors"
	"fmt"
	"reflect"
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

// Kind says what a prediction is for; the numbers are those of the API and of the tables.
type Kind int16

// The kinds. Only a score is listed by default, counted, and an employee's newest.
const (
	Score Kind = iota + 1
	Simulation
	Shadow
	Replay
)

// ProfileSource says where the row that was scored comes from; the numbers are those of
// the API and of the tables.
type ProfileSource int16

// The sources.
const (
	FromRecord ProfileSource = iota + 1
	FromCaller
)

// Warning is what a reader of a prediction should know.
type Warning struct {
	Field string `json:"field"`
	// Reason is the API's ViolationReason by name, and Parameters what stands in its
	// sentence.
	Reason     string            `json:"reason,omitempty"`
	Parameters map[string]string `json:"parameters,omitempty"`
	// Message is the English sentence of a warning from before there were reasons.
	Message string `json:"message,omitempty"`
}

// Prediction is one answer of a model, as it was given.
type Prediction struct {
	ID             string // UUID
	BatchID        *string
	EmployeeID     *int32
	Model          string
	ModelVersion   int32
	ModelRevision  string
	Probability    float64
	Threshold      float64
	PredictedLabel string
	Positive       bool
	RiskBand       string
	Profile        Profile
	Warnings       []Warning
	CreateTime     time.Time // UTC, microseconds
	RequestID      string    // "": the call had none
	Explanation    *Explanation
	Previous       *Summary // of the same employee; only in lists that ask for it
	Kind           Kind
	ProfileSource  ProfileSource
	Principal      string // who asked for it; "": not known
	// CommitSequence is its place in the order in which predictions became visible.
	CommitSequence     int64
	EmployeeGeneration int32 // of the employee's record; 0 without an employee
	RowNumber          int32 // the caller's number of the row; 0: none
	RowID              string
	// RequestedVersion is what the call asked for; nil without a request_id, and where it
	// was not kept.
	RequestedVersion *string
}

// Summary is the part of a prediction that a list of employees shows.
type Summary struct {
	ID           string
	Model        string
	ModelVersion int32
	Probability  float64
	Positive     bool
	RiskBand     string
	CreateTime   time.Time
}

// Explanation says why a probability is what it is, as it was computed then. Base, the
// contributions and Rest add up to Margin.
type Explanation struct {
	Method        string         `json:"method"`
	Space         string         `json:"space"`
	Link          string         `json:"link"`
	Base          float64        `json:"base"`
	Margin        float64        `json:"margin"`
	Contributions []Contribution `json:"contributions"`
	Rest          float64        `json:"rest"`
	RestCount     int32          `json:"rest_count"`
}

// Contribution is the share of one feature. Of its values one is set, or none where the
// row has none.
type Contribution struct {
	Feature       string   `json:"feature"`
	Number        *float64 `json:"number,omitempty"`
	Category      *string  `json:"category,omitempty"`
	Boolean       *bool    `json:"boolean,omitempty"`
	Contribution  float64  `json:"contribution"`
	StandardError *float64 `json:"standard_error,omitempty"`
}

// SameAnswer says whether two predictions are the same answer to the same row,
// whenever each was given.
func (p *Prediction) SameAnswer(other *Prediction) bool {
	return p.Kind == other.Kind && p.Model == other.Model && p.ModelVersion == other.ModelVersion && p.ModelRevision == other.ModelRevision &&
		p.Probability == other.Probability && reflect.DeepEqual(p.EmployeeID, other.EmployeeID) && reflect.DeepEqual(p.Profile, other.Profile)
}

// Conflict is an answer that was given although another one is on record under its
// id. It is kept beside it.
type Conflict struct {
	Number     int64 // ascends as they come
	Prediction Prediction
	RecordTime time.Time
}

// Recorded says what came of predictions that were to be recorded.
type Recorded struct {
	Added int
	// Earlier are those that were on record before, and not just as they are now, as
	// they are on record.
	Earlier []Prediction
}

// EmployeeQuery says which employees, in which order, from where.
type EmployeeQuery struct {
	Department string // "": any
	JobTitle   string // "": any
	Search     string // part of name, job title or department, or the id
	RiskBand   string // of the newest score; "": any
	Order      EmployeeOrder
	Descending bool
	After      *EmployeeKey // nil: from the start
	Limit      int
}

// EmployeeOrder is what employees are ordered by, before their id.
type EmployeeOrder int

// The orders.
const (
	ByID          EmployeeOrder = iota
	ByUpdate                    // time of the last change
	ByProbability               // of the newest score; without one: NoProbability
)

// NoProbability is less than any: where an employee without a prediction stands in an
// order by it.
const NoProbability = -1.0

// EmployeeKey is an employee's place in a list.
type EmployeeKey struct {
	ID          int32
	UpdateTime  time.Time // only when ordered by it
	Probability float64   // only when ordered by it
}

// Key is the employee's place in a list.
func (e *Employee) Key() EmployeeKey {
	key := EmployeeKey{ID: e.ID, UpdateTime: e.UpdateTime, Probability: NoProbability}
	if e.Latest != nil {
		key.Probability = e.Latest.Probability
	}
	return key
}

// PredictionOrder is what predictions are ordered by.
type PredictionOrder int

// The orders.
const (
	ByCreateTime     PredictionOrder = iota // then by id
	ByCommitSequence                        // only rows that no row can come before any more
	ByRowNumber                             // then by id
)

// PredictionQuery says which predictions, in which order, from where.
type PredictionQuery struct {
	Kind           Kind   // 0: scores
	EmployeeID     int32  // of the person who has it now, or whoever had it; 0: any
	Model          string // "": any
	ModelVersion   int32  // 0: any
	RiskBand       string // "": any
	BatchID        string // "": any
	MinProbability float64
	From, To       time.Time // zero: open; To is excluded
	AfterCommit    int64     // only those with a later commit sequence; 0: any
	Order          PredictionOrder
	Ascending      bool           // by create time; the other orders always ascend
	Explanations   bool           // whether to read them
	Previous       bool           // whether to read with each the one before it of the same employee
	After          *PredictionKey // nil: from the start
	Limit          int
}

// PredictionKey is a prediction's place in a list.
type PredictionKey struct {
	CreateTime     time.Time // by create time
	ID             string    // not by commit sequence
	CommitSequence int64     // by commit sequence
	RowNumber      int32     // by row number
}

// Key is the prediction's place in a list of any order.
func (p *Prediction) Key() PredictionKey {
	return PredictionKey{CreateTime: p.CreateTime, ID: p.ID, CommitSequence: p.CommitSequence, RowNumber: p.RowNumber}
}

// Page is one page of a list and how long the list is.
type Page[T any] struct {
	Rows      []T
	More      bool // whether another page follows
	Total     int
	Estimated bool // whether Total is an estimate
}

// ImportCounts says what an import does with its employees.
type ImportCounts struct {
	Created, Updated, Unchanged int
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
	// Ping says whether the database answers.
	Ping(ctx context.Context) error
}
