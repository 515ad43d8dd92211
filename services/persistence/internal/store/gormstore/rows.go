package gormstore

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/futurisys/futurisys/services/persistence/internal/store"
)

// employeeRow is a row of employees.
type employeeRow struct {
	store.Profile

	ID          int32 `gorm:"primaryKey;autoIncrement:false"`
	DisplayName string
	CreateTime  instant
	UpdateTime  instant
	Revision    int32
	Generation  int32
	SearchText  string
}

// TableName is the table's name.
func (employeeRow) TableName() string { return "employees" }

func employeeToRow(e *store.Employee) employeeRow {
	return employeeRow{
		ID: e.ID, DisplayName: e.DisplayName, Profile: e.Profile,
		CreateTime: at(e.CreateTime), UpdateTime: at(e.UpdateTime), Revision: e.Revision,
		Generation: e.Generation, SearchText: e.SearchText(),
	}
}

func (r *employeeRow) employee() store.Employee {
	return store.Employee{
		ID: r.ID, DisplayName: r.DisplayName, Profile: r.Profile,
		CreateTime: r.CreateTime.Time, UpdateTime: r.UpdateTime.Time, Revision: r.Revision, Generation: r.Generation,
	}
}

// latestRow is a row of latest_scores; its columns are null without a score.
type latestRow struct {
	EmployeeID   int32 `gorm:"primaryKey;autoIncrement:false"`
	Generation   int32
	PredictionID *string
	Model        *string
	ModelVersion *int32
	Probability  float64
	Positive     *bool
	RiskBand     *string
	CreateTime   *instant
}

// TableName is the table's name.
func (latestRow) TableName() string { return "latest_scores" }

func (r *latestRow) summary() *store.Summary {
	if r.PredictionID == nil {
		return nil
	}
	return &store.Summary{
		ID: *r.PredictionID, Model: *r.Model, ModelVersion: *r.ModelVersion, Probability: r.Probability,
		Positive: *r.Positive, RiskBand: *r.RiskBand, CreateTime: r.CreateTime.Time,
	}
}

// predictionRow is a row of predictions.
type predictionRow struct {
	store.Profile

	ID             string `gorm:"primaryKey"`
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
	Warnings       string // JSON
	CreateTime     instant
	RequestID      *string
	Explanation    *string // JSON
	Kind           store.Kind
	ProfileSource  store.ProfileSource
	Principal      string
	// CommitSequence is given by the database.
	CommitSequence     int64
	EmployeeGeneration int32
	RowNumber          int32
	RowID              string
	RequestedVersion   *string
}

// TableName is the table's name.
func (predictionRow) TableName() string { return "predictions" }

func predictionToRow(p *store.Prediction) (predictionRow, error) {
	warnings := "[]"
	if len(p.Warnings) > 0 {
		raw, err := json.Marshal(p.Warnings)
		if err != nil {
			return predictionRow{}, fmt.Errorf("write the warnings: %w", err)
		}
		warnings = string(raw)
	}
	row := predictionRow{
		ID: p.ID, BatchID: p.BatchID, EmployeeID: p.EmployeeID,
		Model: p.Model, ModelVersion: p.ModelVersion, ModelRevision: p.ModelRevision,
		Probability: p.Probability, Threshold: p.Threshold, PredictedLabel: p.PredictedLabel,
		Positive: p.Positive, RiskBand: p.RiskBand, Profile: p.Profile,
		Warnings: warnings, CreateTime: at(p.CreateTime), RequestID: textOrNull(p.RequestID),
		Kind: p.Kind, ProfileSource: p.ProfileSource, Principal: p.Principal, EmployeeGeneration: p.EmployeeGeneration,
		RowNumber: p.RowNumber, RowID: p.RowID, RequestedVersion: p.RequestedVersion,
	}
	if p.Explanation != nil {
		raw, err := json.Marshal(p.Explanation)
		if err != nil {
			return predictionRow{}, fmt.Errorf("write the explanation: %w", err)
		}
		row.Explanation = new(string(raw))
	}
	return row, nil
}

func (r *predictionRow) prediction() (store.Prediction, error) {
	out := store.Prediction{
		ID: r.ID, BatchID: r.BatchID, EmployeeID: r.EmployeeID,
		Model: r.Model, ModelVersion: r.ModelVersion, ModelRevision: r.ModelRevision,
		Probability: r.Probability, Threshold: r.Threshold, PredictedLabel: r.PredictedLabel,
		Positive: r.Positive, RiskBand: r.RiskBand, Profile: r.Profile, CreateTime: r.CreateTime.Time,
		Kind: r.Kind, ProfileSource: r.ProfileSource, Principal: r.Principal, CommitSequence: r.CommitSequence,
		EmployeeGeneration: r.EmployeeGeneration, RowNumber: r.RowNumber, RowID: r.RowID, RequestedVersion: r.RequestedVersion,
	}
	if r.RequestID != nil {
		out.RequestID = *r.RequestID
	}
	if err := json.Unmarshal([]byte(r.Warnings), &out.Warnings); err != nil {
		return store.Prediction{}, fmt.Errorf("read the warnings of %s: %w", r.ID, err)
	}
	if r.Explanation != nil {
		out.Explanation = &store.Explanation{}
		if err := json.Unmarshal([]byte(*r.Explanation), out.Explanation); err != nil {
			return store.Prediction{}, fmt.Errorf("read the explanation of %s: %w", r.ID, err)
		}
	}
	return out, nil
}

func textOrNull(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// conflictRow is a row of prediction_conflicts.
type conflictRow struct {
	Number       int64 `gorm:"primaryKey;autoIncrement"`
	PredictionID string
	CreateTime   instant
	RecordTime   instant
	Prediction   string // JSON of a store.Prediction
}

// TableName is the table's name.
func (conflictRow) TableName() string { return "prediction_conflicts" }

func conflictToRow(p *store.Prediction, now time.Time) (conflictRow, error) {
	raw, err := json.Marshal(p) //nolint:musttag // written and read here alone, by the names of the store
	if err != nil {
		return conflictRow{}, fmt.Errorf("write a conflict: %w", err)
	}
	return conflictRow{PredictionID: p.ID, CreateTime: at(p.CreateTime), RecordTime: at(now), Prediction: string(raw)}, nil
}

func (r *conflictRow) conflict() (store.Conflict, error) {
	out := store.Conflict{Number: r.Number, RecordTime: r.RecordTime.Time}
	if err := json.Unmarshal([]byte(r.Prediction), &out.Prediction); err != nil { //nolint:musttag // see conflictToRow
		return store.Conflict{}, fmt.Errorf("read conflict %d: %w", r.Number, err)
	}
	return out, nil
}
