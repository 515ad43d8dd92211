package server

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/futurisys/futurisys/services/persistence/internal/store"

	internalv1 "github.com/futurisys/futurisys/proto/gen/futurisys/internalapi/v1"
	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// Recording serves RecordingService.
type Recording struct {
	internalv1.UnimplementedRecordingServiceServer

	store store.Predictions
}

// NewRecording returns the service.
func NewRecording(predictions store.Predictions) *Recording { return &Recording{store: predictions} }

// RecordPredictions commits predictions.
func (s *Recording) RecordPredictions(ctx context.Context, request *internalv1.RecordPredictionsRequest) (*internalv1.RecordPredictionsResponse, error) {
	rows := make([]store.Prediction, len(request.GetPredictions()))
	for i, message := range request.GetPredictions() {
		row, err := predictionFromMessage(message)
		if err != nil {
			return nil, invalidArgument(fmt.Sprintf("predictions[%d]", i), err.Error())
		}
		rows[i] = row
	}
	recorded, err := s.store.RecordPredictions(ctx, rows, request.GetAnswered())
	if errors.Is(err, store.ErrRefused) {
		return nil, invalidArgument("predictions", "one of them breaks a rule of the record")
	}
	if err != nil {
		return nil, err //nolint:wrapcheck // the store says what it was doing
	}
	out := &internalv1.RecordPredictionsResponse{AddedCount: int32(recorded.Added)}
	for i := range recorded.Earlier {
		out.Earlier = append(out.Earlier, predictionMessage(&recorded.Earlier[i]))
	}
	return out, nil
}

func predictionFromMessage(p *futurisysv1.Prediction) (store.Prediction, error) {
	if _, err := uuid.Parse(p.GetId()); err != nil {
		return store.Prediction{}, fmt.Errorf("id: %w", err)
	}
	if p.GetBatchId() != "" {
		if _, err := uuid.Parse(p.GetBatchId()); err != nil {
			return store.Prediction{}, fmt.Errorf("batch_id: %w", err)
		}
	}
	if !(p.GetProbability() >= 0 && p.GetProbability() <= 1) || p.GetCreateTime().CheckValid() != nil { // NaN is neither
		return store.Prediction{}, fmt.Errorf("probability %g or create_time is not valid", p.GetProbability())
	}
	out := store.Prediction{
		ID: p.GetId(), EmployeeID: p.EmployeeId,
		Model: p.GetModel(), ModelVersion: p.GetModelVersion(), ModelRevision: p.GetModelRevision(),
		Probability: p.GetProbability(), Threshold: p.GetThreshold(), PredictedLabel: p.GetPredictedLabel(),
		Positive: p.GetPositive(), RiskBand: p.GetRiskBand(), Profile: profileFromMessage(p.GetProfile()),
		CreateTime: p.GetCreateTime().AsTime(), RequestID: p.GetRequestId(),
	}
	if p.GetBatchId() != "" {
		out.BatchID = &p.BatchId
	}
	for _, w := range p.GetWarnings() {
		out.Warnings = append(out.Warnings, store.Warning{Field: w.GetField(), Message: w.GetMessage()})
	}
	var err error
	out.Explanation, err = explanationFromMessage(p.GetExplanation())
	return out, err
}
