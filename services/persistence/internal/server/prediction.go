package server

import (
	"context"
	"errors"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/futurisys/futurisys/proto/catalogue"
	"github.com/futurisys/futurisys/services/persistence/internal/profile"
	"github.com/futurisys/futurisys/services/persistence/internal/store"
	"github.com/futurisys/futurisys/services/platform/apierr"
	"github.com/futurisys/futurisys/services/platform/pagetoken"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// History serves PredictionHistoryService.
type History struct {
	futurisysv1.UnimplementedPredictionHistoryServiceServer

	store store.Store
}

// NewHistory returns the service.
func NewHistory(rows store.Store) *History { return &History{store: rows} }

// GetPrediction reads one prediction.
func (s *History) GetPrediction(ctx context.Context, request *futurisysv1.GetPredictionRequest) (*futurisysv1.Prediction, error) {
	prediction, err := s.store.Prediction(ctx, strings.ToLower(request.GetPrediction()))
	if errors.Is(err, store.ErrNotFound) {
		return nil, apierr.New(futurisysv1.ErrorReason_ERROR_REASON_PREDICTION_NOT_FOUND, "prediction", request.GetPrediction())
	}
	if err != nil {
		return nil, err //nolint:wrapcheck // the store says what it was doing
	}
	return predictionMessage(prediction), nil
}

// ListPredictions lists predictions.
func (s *History) ListPredictions(ctx context.Context, request *futurisysv1.ListPredictionsRequest) (*futurisysv1.ListPredictionsResponse, error) {
	query := store.PredictionQuery{
		EmployeeID: request.GetEmployee(), Model: request.GetModel(), ModelVersion: request.GetVersion(),
		RiskBand: request.GetRiskBand(), BatchID: strings.ToLower(request.GetBatchId()), MinProbability: request.GetMinProbability(),
		From: timeOf(request.GetCreateTimeFrom()), To: timeOf(request.GetCreateTimeTo()),
		Kind: store.Kind(request.GetKind()), AfterCommit: request.GetAfterCommitSequence(),
		Ascending: request.GetOrderBy() == "create_time", Order: predictionOrder(request.GetOrderBy()), Explanations: request.GetIncludeExplanations(), Previous: request.GetIncludePrevious(),
	}
	if query.ModelVersion != 0 && query.Model == "" {
		return nil, apierr.InvalidArgument(futurisysv1.ViolationReason_VIOLATION_REASON_REQUIRED_WITH, "model", "other", "version")
	}
	if query.Order == store.ByRowNumber && query.BatchID == "" {
		return nil, apierr.InvalidArgument(futurisysv1.ViolationReason_VIOLATION_REASON_REQUIRED_WITH, "batch_id", "other", "order_by row_number")
	}
	asked := query
	var err error
	if query.After, err = decodeToken[store.PredictionKey](asked, request.GetPageToken()); err != nil {
		return nil, err
	}
	query.Limit = pagetoken.Size(request.GetPageSize())
	page, err := s.store.ListPredictions(ctx, query)
	if err != nil {
		return nil, err //nolint:wrapcheck // the store says what it was doing
	}
	if len(page.Rows) == 0 && query.EmployeeID != 0 {
		if err := s.known(ctx, query.EmployeeID); err != nil {
			return nil, err
		}
	}
	out := &futurisysv1.ListPredictionsResponse{TotalSize: totalSize(page, query.After == nil), TotalSizeIsEstimate: page.Estimated}
	size := 0
	for i := range page.Rows {
		message := predictionMessage(&page.Rows[i])
		if size += proto.Size(message); size > maxPageBytes && i > 0 {
			page.Rows, page.More = page.Rows[:i], true
			break
		}
		out.Predictions = append(out.Predictions, message)
	}
	if page.More {
		out.NextPageToken, err = pagetoken.Encode(asked, page.Rows[len(page.Rows)-1].Key())
	}
	return out, err //nolint:wrapcheck // it says what it was doing
}

// maxPageBytes is how large a page becomes at most; a larger one is cut, and goes on with
// its next_page_token. What reads it takes messages of 64 MiB.
const maxPageBytes = 16 << 20

func predictionOrder(orderBy string) store.PredictionOrder {
	switch orderBy {
	case "commit_sequence":
		return store.ByCommitSequence
	case "row_number":
		return store.ByRowNumber
	default:
		return store.ByCreateTime
	}
}

// ListPredictionConflicts lists what is kept beside the record.
func (s *History) ListPredictionConflicts(ctx context.Context, request *futurisysv1.ListPredictionConflictsRequest) (*futurisysv1.ListPredictionConflictsResponse, error) {
	const list = "conflicts"
	after, err := decodeToken[int64](list, request.GetPageToken())
	if err != nil {
		return nil, err
	}
	var before int64
	if after != nil {
		before = *after
	}
	page, err := s.store.ListConflicts(ctx, before, pagetoken.Size(request.GetPageSize()))
	if err != nil {
		return nil, err //nolint:wrapcheck // the store says what it was doing
	}
	out := &futurisysv1.ListPredictionConflictsResponse{TotalSize: int32(page.Total)}
	for i := range page.Rows {
		out.Conflicts = append(out.Conflicts, &futurisysv1.PredictionConflict{
			Prediction: predictionMessage(&page.Rows[i].Prediction), RecordTime: timestamppb.New(page.Rows[i].RecordTime),
		})
	}
	if page.More {
		out.NextPageToken, err = pagetoken.Encode(list, page.Rows[len(page.Rows)-1].Number)
	}
	return out, err //nolint:wrapcheck // it says what it was doing
}

// known says whether an employee without predictions is on record: an empty list
// for a number that nobody has would be a silent wrong answer.
func (s *History) known(ctx context.Context, employee int32) error {
	found, err := s.store.EmployeesByID(ctx, []int32{employee})
	if err != nil {
		return err //nolint:wrapcheck // the store says what it was doing
	}
	if len(found) == 1 {
		return nil
	}
	for _, kind := range []store.Kind{store.Score, store.Simulation, store.Shadow, store.Replay} {
		past, err := s.store.ListPredictions(ctx, store.PredictionQuery{EmployeeID: employee, Kind: kind, Limit: 1})
		if err != nil {
			return err //nolint:wrapcheck // the store says what it was doing
		}
		if len(past.Rows) == 1 {
			return nil // deleted, but the predictions stay
		}
	}
	return employeeError(store.ErrNotFound, employee)
}

func timeOf(t *timestamppb.Timestamp) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.AsTime()
}

func predictionMessage(p *store.Prediction) *futurisysv1.Prediction {
	out := &futurisysv1.Prediction{
		Id: p.ID, EmployeeId: p.EmployeeID,
		Model: p.Model, ModelVersion: p.ModelVersion, ModelRevision: p.ModelRevision,
		Probability: p.Probability, Threshold: p.Threshold, PredictedLabel: p.PredictedLabel,
		Positive: p.Positive, RiskBand: p.RiskBand, Profile: profile.Message(p.Profile),
		Recording:  futurisysv1.Recording_RECORDING_RECORDED,
		CreateTime: timestamppb.New(p.CreateTime),
		RequestId:  p.RequestID, Explanation: explanationMessage(p.Explanation),
		Kind: futurisysv1.PredictionKind(p.Kind), ProfileSource: futurisysv1.ProfileSource(p.ProfileSource), Principal: p.Principal,
		CommitSequence: p.CommitSequence, EmployeeGeneration: p.EmployeeGeneration,
		RowNumber: p.RowNumber, RowId: p.RowID, RequestedVersion: p.RequestedVersion,
	}
	if p.BatchID != nil {
		out.BatchId = *p.BatchID
	}
	if p.Previous != nil {
		out.Previous = summaryMessage(p.Previous)
	}
	for _, w := range p.Warnings {
		out.Warnings = append(out.Warnings, warningMessage(w))
	}
	return out
}

func summaryMessage(p *store.Summary) *futurisysv1.PredictionSummary {
	return &futurisysv1.PredictionSummary{
		Id: p.ID, Model: p.Model, ModelVersion: p.ModelVersion, Probability: p.Probability,
		Positive: p.Positive, RiskBand: p.RiskBand, CreateTime: timestamppb.New(p.CreateTime),
	}
}

// warningRow is a warning as it is stored: its sentence is made again when it is read.
func warningRow(w *futurisysv1.Violation) store.Warning {
	if w.GetReason() == futurisysv1.ViolationReason_VIOLATION_REASON_UNSPECIFIED {
		return store.Warning{Field: w.GetField(), Message: w.GetMessage()}
	}
	return store.Warning{Field: w.GetField(), Reason: catalogue.Name(w.GetReason()), Parameters: w.GetParameters()}
}

func warningMessage(w store.Warning) *futurisysv1.Violation {
	reason := catalogue.ViolationReason(w.Reason)
	out := &futurisysv1.Violation{Field: w.Field, Message: w.Message, Reason: reason, Parameters: w.Parameters}
	if reason != futurisysv1.ViolationReason_VIOLATION_REASON_UNSPECIFIED {
		out.Message = catalogue.Sentence(catalogue.English, reason, w.Parameters)
	}
	return out
}
