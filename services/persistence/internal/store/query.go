package store

import (
	"time"
)

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
