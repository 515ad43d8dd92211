package gormstore

import (
	"encoding/json"
	"fmt"

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
}

// TableName is the table's name.
func (employeeRow) TableName() string { return "employees" }

func employeeToRow(e *store.Employee) employeeRow {
	return employeeRow{
		ID: e.ID, DisplayName: e.DisplayName, Profile: e.Profile,
		CreateTime: at(e.CreateTime), UpdateTime: at(e.UpdateTime), Revision: e.Revision,
	}
}

func (r *employeeRow) employee() store.Employee {
	return store.Employee{
		ID: r.ID, DisplayName: r.DisplayName, Profile: r.Profile,
		CreateTime: r.CreateTime.Time, UpdateTime: r.UpdateTime.Time, Revision: r.Revision,
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
	return predictionRow{
		ID: p.ID, BatchID: p.BatchID, EmployeeID: p.EmployeeID,
		Model: p.Model, ModelVersion: p.ModelVersion, ModelRevision: p.ModelRevision,
		Probability: p.Probability, Threshold: p.Threshold, PredictedLabel: p.PredictedLabel,
		Positive: p.Positive, RiskBand: p.RiskBand, Profile: p.Profile,
		Warnings: warnings, CreateTime: at(p.CreateTime),
	}, nil
}

func (r *predictionRow) prediction() (store.Prediction, error) {
	out := store.Prediction{
		ID: r.ID, BatchID: r.BatchID, EmployeeID: r.EmployeeID,
		Model: r.Model, ModelVersion: r.ModelVersion, ModelRevision: r.ModelRevision,
		Probability: r.Probability, Threshold: r.Threshold, PredictedLabel: r.PredictedLabel,
		Positive: r.Positive, RiskBand: r.RiskBand, Profile: r.Profile, CreateTime: r.CreateTime.Time,
	}
	if err := json.Unmarshal([]byte(r.Warnings), &out.Warnings); err != nil {
		return store.Prediction{}, fmt.Errorf("read the warnings of %s: %w", r.ID, err)
	}
	return out, nil
}
