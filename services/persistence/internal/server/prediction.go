package server

import (
	"context"
	"errors"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/timestamppb"

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
		return nil, apierr.New(codes.NotFound, futurisysv1.ErrorReason_ERROR_REASON_PREDICTION_NOT_FOUND,
			"no prediction %s on record", request.GetPrediction())
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
		Ascending: request.GetOrderBy() == "create_time", Explanations: request.GetIncludeExplanations(), Previous: request.GetIncludePrevious(),
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
	out := &futurisysv1.ListPredictionsResponse{TotalSize: int32(page.Total), TotalSizeIsEstimate: page.Estimated}
	for i := range page.Rows {
		out.Predictions = append(out.Predictions, predictionMessage(&page.Rows[i]))
	}
	if page.More {
		last := page.Rows[len(page.Rows)-1]
		out.NextPageToken, err = pagetoken.Encode(asked, store.PredictionKey{CreateTime: last.CreateTime, ID: last.ID})
	}
	return out, err //nolint:wrapcheck // it says what it was doing
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
	past, err := s.store.ListPredictions(ctx, store.PredictionQuery{EmployeeID: employee, Limit: 1})
	if err != nil {
		return err //nolint:wrapcheck // the store says what it was doing
	}
	if len(past.Rows) == 1 {
		return nil // deleted, but its predictions stay
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
		Positive: p.Positive, RiskBand: p.RiskBand, Profile: profileMessage(p.Profile),
		Recording:  futurisysv1.Recording_RECORDING_RECORDED,
		CreateTime: timestamppb.New(p.CreateTime),
		RequestId:  p.RequestID, Explanation: explanationMessage(p.Explanation),
	}
	if p.BatchID != nil {
		out.BatchId = *p.BatchID
	}
	if p.Previous != nil {
		out.Previous = summaryMessage(p.Previous)
	}
	for _, w := range p.Warnings {
		out.Warnings = append(out.Warnings, &futurisysv1.Warning{Field: w.Field, Message: w.Message})
	}
	return out
}

func summaryMessage(p *store.Prediction) *futurisysv1.PredictionSummary {
	return &futurisysv1.PredictionSummary{
		Id: p.ID, Model: p.Model, ModelVersion: p.ModelVersion, Probability: p.Probability,
		Positive: p.Positive, RiskBand: p.RiskBand, CreateTime: timestamppb.New(p.CreateTime),
	}
}
