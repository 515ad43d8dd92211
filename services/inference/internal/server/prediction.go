package server

import (
	"context"

	"github.com/futurisys/futurisys/services/inference/internal/registry"
	"github.com/futurisys/futurisys/services/inference/internal/scoring"
	"github.com/futurisys/futurisys/services/platform/apierr"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// Versions finds the version that answers a call, which is to be released after it.
type Versions interface {
	Acquire(model string, version int32, alias string) (*registry.Version, error)
}

// Scorer scores rows with a version and records them.
type Scorer interface {
	Score(ctx context.Context, version *registry.Version, rows []scoring.Row, batchID string) ([]scoring.Outcome, error)
	WhatIf(ctx context.Context, version *registry.Version, question scoring.Question) (*futurisysv1.ExplainResponse, error)
}

// Prediction serves PredictionService.
type Prediction struct {
	futurisysv1.UnimplementedPredictionServiceServer

	versions  Versions
	scorer    Scorer
	employees futurisysv1.EmployeeServiceClient // nil: there is no database
}

// NewPrediction returns the service; employees is nil where there is no database.
func NewPrediction(versions Versions, scorer Scorer, employees futurisysv1.EmployeeServiceClient) *Prediction {
	return &Prediction{versions: versions, scorer: scorer, employees: employees}
}

// Predict scores one profile.
func (s *Prediction) Predict(ctx context.Context, request *futurisysv1.PredictRequest) (*futurisysv1.Prediction, error) {
	version, err := s.acquire(request)
	if err != nil {
		return nil, err
	}
	defer version.Release()
	if request.GetProfile() == nil {
		return nil, apierr.InvalidArgument(futurisysv1.ViolationReason_VIOLATION_REASON_REQUIRED, "profile")
	}
	name, err := requestOf(ctx, request.GetRequestId(), request)
	if err != nil {
		return nil, err
	}
	row := scoring.Row{Profile: request.GetProfile(), Kind: request.GetKind(), Name: name.Row(), Explain: request.GetExplain()}
	if request.EmployeeId != nil {
		found, err := s.readEmployees(ctx, []int32{request.GetEmployeeId()})
		if err != nil {
			return nil, err
		}
		if row.Employee = found[request.GetEmployeeId()]; row.Employee == nil {
			return nil, missingEmployees([]int32{request.GetEmployeeId()})
		}
	}
	outcomes, err := s.scorer.Score(ctx, version, []scoring.Row{row}, "")
	switch {
	case err != nil:
		return nil, err //nolint:wrapcheck // see MapError
	case outcomes[0].Reused:
		return nil, reusedError()
	case outcomes[0].NoAnswer:
		return nil, noAnswerError(version)
	}
	if problems := outcomes[0].Problems; len(problems) > 0 {
		return nil, profileError("profile.", problems)
	}
	return outcomes[0].Prediction, nil
}

// BatchPredict scores many profiles.
func (s *Prediction) BatchPredict(ctx context.Context, request *futurisysv1.BatchPredictRequest) (*futurisysv1.BatchPredictResponse, error) {
	version, err := s.acquire(request)
	if err != nil {
		return nil, err
	}
	defer version.Release()
	rows := make([]scoring.Row, len(request.GetProfiles()))
	for i, profile := range request.GetProfiles() {
		rows[i] = scoring.Row{Profile: profile, Kind: request.GetKind(), Explain: request.GetExplain()}
	}
	missing, err := s.refer(ctx, rows, request.GetReferences())
	if err != nil {
		return nil, err
	}
	batch, err := s.scoreBatch(ctx, version, rows, missing, request)
	if err != nil {
		return nil, err
	}
	return &futurisysv1.BatchPredictResponse{
		BatchId: batch.id, Results: batch.results, PredictedCount: batch.predicted, FailedCount: batch.failed,
	}, nil
}

// PredictEmployees scores employees by id, as their records are now.
func (s *Prediction) PredictEmployees(ctx context.Context, request *futurisysv1.PredictEmployeesRequest) (*futurisysv1.PredictEmployeesResponse, error) {
	version, err := s.acquire(request)
	if err != nil {
		return nil, err
	}
	defer version.Release()
	rows, err := s.employeeRows(ctx, request.GetEmployeeIds())
	if err != nil {
		return nil, err
	}
	for i := range rows {
		rows[i].Explain = request.GetExplain()
	}
	batch, err := s.scoreBatch(ctx, version, rows, nil, request)
	if err != nil {
		return nil, err
	}
	return &futurisysv1.PredictEmployeesResponse{
		BatchId: batch.id, Results: batch.results, PredictedCount: batch.predicted, FailedCount: batch.failed,
	}, nil
}

// target is what every request says of the version that must answer.
type target interface {
	GetModel() string
	GetVersion() int32
	GetAlias() string
}

func (s *Prediction) acquire(request target) (*registry.Version, error) {
	if request.GetVersion() != 0 && request.GetAlias() != "" {
		return nil, apierr.InvalidArgument(futurisysv1.ViolationReason_VIOLATION_REASON_EXCLUDED, "alias", "other", "version")
	}
	version, err := s.versions.Acquire(request.GetModel(), request.GetVersion(), request.GetAlias())
	if err != nil {
		return nil, lookupError(err, request.GetModel(), request.GetVersion(), request.GetAlias())
	}
	return version, nil
}
