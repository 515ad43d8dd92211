package server

import (
	"context"
	"fmt"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

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
		return nil, scoreError(err)
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

// employeeRows reads the employees' records, in the order of the ids.
func (s *Prediction) employeeRows(ctx context.Context, ids []int32) ([]scoring.Row, error) {
	found, err := s.readEmployees(ctx, ids)
	if err != nil {
		return nil, err
	}
	rows := make([]scoring.Row, len(ids))
	var missing []int32
	for i, id := range ids {
		employee, ok := found[id]
		if !ok {
			missing = append(missing, id)
		}
		rows[i] = scoring.Row{Profile: employee.GetProfile(), Employee: employee, FromRecord: true}
	}
	if len(missing) > 0 {
		return nil, missingEmployees(missing)
	}
	return rows, nil
}

// readTimeout bounds how long persistence may take to read the employees of a call.
const readTimeout = 5 * time.Second

// readEmployees reads those of the employees that are on record.
func (s *Prediction) readEmployees(ctx context.Context, ids []int32) (map[int32]*futurisysv1.Employee, error) {
	if s.employees == nil {
		return nil, apierr.New(futurisysv1.ErrorReason_ERROR_REASON_NO_DATABASE)
	}
	// A persistence that hangs is as good as one that is unavailable: the caller can try again.
	inTime, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	answer, err := s.employees.BatchGetEmployees(inTime, &futurisysv1.BatchGetEmployeesRequest{EmployeeIds: ids})
	if code := status.Code(err); code == codes.Unavailable || code == codes.DeadlineExceeded && ctx.Err() == nil {
		return nil, fmt.Errorf("%w: %w", unavailablePersistence(), err)
	}
	if err != nil {
		return nil, err //nolint:wrapcheck // a status of our own service
	}
	found := make(map[int32]*futurisysv1.Employee, len(ids))
	for _, employee := range answer.GetEmployees() {
		found[employee.GetId()] = employee
	}
	return found, nil
}

// refer says of each row what the caller knows of it. missing are the places of rows
// about employees who are not on record.
func (s *Prediction) refer(ctx context.Context, rows []scoring.Row, references []*futurisysv1.RowReference) (missing map[int]int32, err error) {
	if len(references) == 0 {
		return nil, nil
	}
	if len(references) != len(rows) {
		return nil, apierr.InvalidArgument(futurisysv1.ViolationReason_VIOLATION_REASON_COUNT_MISMATCH, "references", "expected", len(rows), "other", "profiles", "found", len(references))
	}
	var ids []int32
	for i, reference := range references {
		rows[i].Number, rows[i].ID = reference.GetRowNumber(), reference.GetRowId()
		if reference.EmployeeId != nil {
			ids = append(ids, reference.GetEmployeeId())
		}
	}
	if len(ids) == 0 {
		return nil, nil
	}
	found, err := s.readEmployees(ctx, ids)
	if err != nil {
		return nil, err
	}
	missing = map[int]int32{}
	for i, reference := range references {
		if reference.EmployeeId == nil {
			continue
		}
		if rows[i].Employee = found[reference.GetEmployeeId()]; rows[i].Employee == nil {
			missing[i] = reference.GetEmployeeId()
		}
	}
	return missing, nil
}

// batch is what both batch methods answer.
type batch struct {
	id                string
	results           []*futurisysv1.RowResult
	predicted, failed int32
}

// batchRequest is what both batch methods take.
type batchRequest interface {
	target
	GetRequestId() string
	GetBatchId() string
}

// scoreBatch scores rows; those at the places of missing are about employees who are not
// on record.
func (s *Prediction) scoreBatch(ctx context.Context, version *registry.Version, rows []scoring.Row, missing map[int]int32, request batchRequest) (*batch, error) {
	name, err := requestOf(ctx, request.GetRequestId(), request)
	if err != nil {
		return nil, err
	}
	id := strings.ToLower(request.GetBatchId())
	if id == "" {
		if id, err = name.BatchID(); err != nil {
			return nil, err //nolint:wrapcheck // the source of randomness failed: nothing to add
		}
	}
	asked := make([]scoring.Row, 0, len(rows))
	places := make([]int, 0, len(rows))
	for i := range rows {
		if _, none := missing[i]; none {
			continue
		}
		rows[i].Name = name.RowAt(i)
		asked, places = append(asked, rows[i]), append(places, i)
	}
	outcomes, err := s.scorer.Score(ctx, version, asked, id)
	if err != nil {
		return nil, scoreError(err)
	}
	out := &batch{id: id, results: make([]*futurisysv1.RowResult, len(rows)), failed: int32(len(missing))}
	for i, employee := range missing {
		out.results[i] = rowFailure(int32(i), missingEmployees([]int32{employee}))
	}
	for n, outcome := range outcomes {
		i := places[n]
		out.results[i] = rowResult(int32(i), outcome, version)
		if outcome.Prediction != nil {
			out.predicted++
			out.id = outcome.Prediction.GetBatchId() // of a retry that of the first answer
		} else {
			out.failed++
		}
	}
	return out, nil
}

func rowResult(index int32, outcome scoring.Outcome, version *registry.Version) *futurisysv1.RowResult {
	switch {
	case outcome.Reused:
		return rowFailure(index, reusedError())
	case outcome.NoAnswer:
		return rowFailure(index, noAnswerError(version))
	case outcome.Prediction == nil:
		return rowFailure(index, profileError("", outcome.Problems))
	}
	return &futurisysv1.RowResult{Index: index, Outcome: &futurisysv1.RowResult_Prediction{Prediction: outcome.Prediction}}
}

// rowFailure is an error of a call as that of one of its rows.
func rowFailure(index int32, failed *apierr.Error) *futurisysv1.RowResult {
	return &futurisysv1.RowResult{Index: index, Outcome: &futurisysv1.RowResult_Error{Error: rowError(failed)}}
}
