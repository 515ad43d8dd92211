// Package recorder puts predictions on record through the persistence service.
package recorder

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/futurisys/futurisys/services/platform/apierr"

	internalv1 "github.com/futurisys/futurisys/proto/gen/futurisys/internalapi/v1"
	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// Mode says what happens when a prediction cannot be recorded.
type Mode string

// The modes.
const (
	// Off records nothing.
	Off Mode = "off"
	// BestEffort answers all the same and says so in the answer.
	BestEffort Mode = "best-effort"
	// Required refuses the call.
	Required Mode = "required"
)

// How long recording may take: so much, and so much for each row.
const (
	baseTimeout   = 2 * time.Second
	timeoutPerRow = time.Millisecond
)

// retryAfter is when a refused caller should try again.
const retryAfter = 2 * time.Second

// Recorder records predictions. It may be used by many goroutines at once.
type Recorder struct {
	mode   Mode
	client internalv1.RecordingServiceClient
	log    *slog.Logger
}

// New returns a recorder; client may be nil when the mode is Off.
func New(mode Mode, client internalv1.RecordingServiceClient, log *slog.Logger) *Recorder {
	return &Recorder{mode: mode, client: client, log: log}
}

// Record commits predictions in one transaction and says on each what became of
// it. With Required an error means that they may not be answered.
func (r *Recorder) Record(ctx context.Context, predictions []*futurisysv1.Prediction) error {
	if r.mode == Off {
		mark(predictions, futurisysv1.Recording_RECORDING_OFF)
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, baseTimeout+time.Duration(len(predictions))*timeoutPerRow)
	defer cancel()
	_, err := r.client.RecordPredictions(ctx, &internalv1.RecordPredictionsRequest{Predictions: predictions})
	if err == nil {
		mark(predictions, futurisysv1.Recording_RECORDING_RECORDED)
		return nil
	}
	r.log.WarnContext(ctx, "predictions not recorded", "count", len(predictions), "mode", r.mode, "error", err)
	if r.mode == Required {
		return fmt.Errorf("%w: %w", apierr.Unavailable(retryAfter, "the prediction could not be recorded; try again"), err)
	}
	mark(predictions, futurisysv1.Recording_RECORDING_NOT_RECORDED)
	return nil
}

func mark(predictions []*futurisysv1.Prediction, what futurisysv1.Recording) {
	for _, prediction := range predictions {
		prediction.Recording = what
	}
}
