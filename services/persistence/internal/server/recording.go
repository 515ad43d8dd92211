package server

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/futurisys/futurisys/services/persistence/internal/profile"
	"github.com/futurisys/futurisys/services/persistence/internal/store"
	"github.com/futurisys/futurisys/services/platform/apierr"

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
	now := time.Now()
	for i, message := range request.GetPredictions() {
		row, err := predictionFromMessage(message, now)
		if err != nil {
			return nil, apierr.InvalidArgument(futurisysv1.ViolationReason_VIOLATION_REASON_MALFORMED, fmt.Sprintf("predictions[%d]", i), "cause", err)
		}
		rows[i] = row
	}
	recorded, err := s.store.RecordPredictions(ctx, rows, request.GetAnswered())
	if errors.Is(err, store.ErrRefused) {
		return nil, apierr.InvalidArgument(futurisysv1.ViolationReason_VIOLATION_REASON_MALFORMED, "predictions", "cause", "a row breaks a rule of the database")
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

// How far from now a prediction may have been scored. What waits in an outbox is older
// than the last outage, and clocks differ; what is beyond would be a person's newest for
// ever, or out of all lists.
const (
	oldestPrediction = 400 * 24 * time.Hour
	maxAhead         = 24 * time.Hour
)

// predictionFromMessage reads a prediction that is right by the rules of its message.
func predictionFromMessage(p *futurisysv1.Prediction, now time.Time) (store.Prediction, error) {
	id, err := canonical(p.GetId())
	if err != nil {
		return store.Prediction{}, fmt.Errorf("id: %w", err)
	}
	created := p.GetCreateTime().AsTime()
	if p.GetCreateTime().CheckValid() != nil || created.Before(now.Add(-oldestPrediction)) || created.After(now.Add(maxAhead)) {
		return store.Prediction{}, fmt.Errorf("create_time: %s is not within the last 400 days", created.Format(time.RFC3339))
	}
	out := store.Prediction{
		ID: id, EmployeeID: p.EmployeeId,
		Model: p.GetModel(), ModelVersion: p.GetModelVersion(), ModelRevision: p.GetModelRevision(),
		Probability: p.GetProbability(), Threshold: p.GetThreshold(), PredictedLabel: p.GetPredictedLabel(),
		Positive: p.GetPositive(), RiskBand: p.GetRiskBand(), Profile: profile.FromMessage(p.GetProfile()),
		CreateTime: created, RequestID: p.GetRequestId(), Explanation: explanationFromMessage(p.GetExplanation()),
		Kind: store.Kind(p.GetKind()), ProfileSource: store.ProfileSource(p.GetProfileSource()), Principal: p.GetPrincipal(),
		EmployeeGeneration: p.GetEmployeeGeneration(), RowNumber: p.GetRowNumber(), RowID: p.GetRowId(), RequestedVersion: p.RequestedVersion,
	}
	fromBefore(&out)
	if p.GetBatchId() != "" {
		batch, err := canonical(p.GetBatchId())
		if err != nil {
			return store.Prediction{}, fmt.Errorf("batch_id: %w", err)
		}
		out.BatchID = &batch
	}
	for _, w := range p.GetWarnings() {
		out.Warnings = append(out.Warnings, warningRow(w))
	}
	return out, nil
}

// fromBefore says of a prediction that a version of inference without kinds and
// generations left in its outbox what the migration said of those on record.
func fromBefore(p *store.Prediction) {
	if p.Kind == 0 {
		p.Kind = store.Score
	}
	if p.ProfileSource == 0 {
		p.ProfileSource = store.FromCaller
		if p.EmployeeID != nil {
			p.ProfileSource = store.FromRecord
		}
	}
	if p.EmployeeID != nil {
		p.EmployeeGeneration = max(p.EmployeeGeneration, 1)
	}
}

// canonical is a UUID in the one form that is kept: others would be other ids.
func canonical(text string) (string, error) {
	id, err := uuid.Parse(text)
	if err != nil {
		return "", err //nolint:wrapcheck // the caller says of what
	}
	return id.String(), nil
}
