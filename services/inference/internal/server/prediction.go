package server

import (
	"context"
	"strings"

	"google.golang.org/grpc/codes"

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
		return nil, invalidArgument("profile", "is required")
	}
	name, err := requestOf(ctx, request.GetRequestId())
	if err != nil {
		return nil, err
	}
	outcomes, err := s.scorer.Score(ctx, version, []scoring.Row{{Profile: request.GetProfile(), Name: name.Row(), Explain: request.GetExplain()}}, "")
	if err != nil {
		return nil, scoreError(err)
	}
	if outcomes[0].Reused {
		return nil, reusedError()
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
		rows[i] = scoring.Row{Profile: profile, Explain: request.GetExplain()}
	}
	batch, err := s.scoreBatch(ctx, version, rows, request)
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
	batch, err := s.scoreBatch(ctx, version, rows, request)
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
		return nil, invalidArgument("alias", "excludes version")
	}
	version, err := s.versions.Acquire(request.GetModel(), request.GetVersion(), request.GetAlias())
	if err != nil {
		return nil, lookupError(err, request.GetModel(), request.GetVersion(), request.GetAlias())
	}
	return version, nil
}

// employeeRows reads the employees' records, in the order of the ids.
func (s *Prediction) employeeRows(ctx context.Context, ids []int32) ([]scoring.Row, error) {
	if s.employees == nil {
		return nil, apierr.New(codes.NotFound, futurisysv1.ErrorReason_ERROR_REASON_NO_DATABASE,
			"this environment has no employees on record")
	}
	found, err := s.employees.BatchGetEmployees(ctx, &futurisysv1.BatchGetEmployeesRequest{EmployeeIds: ids})
	if err != nil {
		return nil, err //nolint:wrapcheck // a status of our own service
	}
	if missing := found.GetMissingIds(); len(missing) > 0 {
		return nil, missingEmployees(missing)
	}
	profiles := make(map[int32]*futurisysv1.EmployeeProfile, len(ids))
	for _, employee := range found.GetEmployees() {
		profiles[employee.GetId()] = employee.GetProfile()
	}
	rows := make([]scoring.Row, len(ids))
	for i, id := range ids {
		rows[i] = scoring.Row{Profile: profiles[id], EmployeeID: &id}
	}
	return rows, nil
}

// batch is what both batch methods answer.
type batch struct {
	id                string
	results           []*futurisysv1.RowResult
	predicted, failed int32
}

// batchRequest is what both batch methods take.
type batchRequest interface {
	GetRequestId() string
	GetBatchId() string
}

func (s *Prediction) scoreBatch(ctx context.Context, version *registry.Version, rows []scoring.Row, request batchRequest) (*batch, error) {
	name, err := requestOf(ctx, request.GetRequestId())
	if err != nil {
		return nil, err
	}
	id := strings.ToLower(request.GetBatchId())
	if id == "" {
		if id, err = name.BatchID(); err != nil {
			return nil, err //nolint:wrapcheck // the source of randomness failed: nothing to add
		}
	}
	for i := range rows {
		rows[i].Name = name.RowAt(i)
	}
	outcomes, err := s.scorer.Score(ctx, version, rows, id)
	if err != nil {
		return nil, scoreError(err)
	}
	out := &batch{id: id, results: make([]*futurisysv1.RowResult, len(rows))}
	for i, outcome := range outcomes {
		out.results[i] = rowResult(int32(i), outcome)
		if outcome.Prediction != nil {
			out.predicted++
		} else {
			out.failed++
		}
	}
	return out, nil
}

func rowResult(index int32, outcome scoring.Outcome) *futurisysv1.RowResult {
	switch {
	case outcome.Reused:
		reused := reusedError()
		return &futurisysv1.RowResult{Index: index, Outcome: &futurisysv1.RowResult_Error{
			Error: &futurisysv1.RowError{Reason: reused.Reason, Message: reused.Message},
		}}
	case outcome.Prediction == nil:
		return &futurisysv1.RowResult{Index: index, Outcome: &futurisysv1.RowResult_Error{Error: rowError(outcome.Problems)}}
	}
	return &futurisysv1.RowResult{Index: index, Outcome: &futurisysv1.RowResult_Prediction{Prediction: outcome.Prediction}}
}
