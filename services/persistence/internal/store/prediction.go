package store

import (
	"reflect"
	"time"
)

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
