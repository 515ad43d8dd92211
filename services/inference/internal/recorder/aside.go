package recorder

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/futurisys/futurisys/services/inference/internal/outbox"

	internalv1 "github.com/futurisys/futurisys/proto/gen/futurisys/internalapi/v1"
	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// asideLine is a line of the file of rows that were set aside.
type asideLine struct {
	Reason     string          `json:"reason"`
	Time       time.Time       `json:"time"`
	Prediction json.RawMessage `json:"prediction,omitempty"`
	Bytes      string          `json:"bytes,omitempty"` // base64 of what does not read
}

// errNoPrediction says that a value is none.
var errNoPrediction = errors.New("it is no prediction")

// readAside reads a prediction of a file that was set aside: a line of JSON, or what an
// outbox holds.
func readAside(value []byte) (*futurisysv1.Prediction, error) {
	prediction := &futurisysv1.Prediction{}
	if len(value) > 0 && value[0] != '{' {
		if err := proto.Unmarshal(value, prediction); err != nil {
			return nil, errNoPrediction
		}
		return prediction, nil
	}
	var line asideLine
	if err := json.Unmarshal(value, &line); err != nil {
		return nil, errNoPrediction
	}
	if line.Bytes != "" {
		raw, err := base64.StdEncoding.DecodeString(line.Bytes)
		if err != nil || proto.Unmarshal(raw, prediction) != nil {
			return nil, errNoPrediction
		}
		return prediction, nil
	}
	// A later version may have taken a field away.
	if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(line.Prediction, prediction); err != nil {
		return nil, errNoPrediction
	}
	return prediction, nil
}

// Of says of a value of an outbox, or a line that was set aside, whether it is a prediction
// about an employee of a generation; 0: of any. What does not read is nobody's.
func Of(employee, generation int32) func(value []byte) bool {
	return func(value []byte) bool {
		prediction, err := readAside(value)
		return err == nil && prediction.EmployeeId != nil && prediction.GetEmployeeId() == employee &&
			(generation == 0 || prediction.GetEmployeeGeneration() == generation)
	}
}

// Imported says what came of a file that was set aside.
type Imported struct {
	Added, There, Refused int
}

// Import puts the predictions of a file that was set aside on record; those that are
// there already stay as they are, so that it can be repeated. refused is called with each
// that the record refuses. An error ends it; what was imported until then is.
func Import(ctx context.Context, client internalv1.RecordingServiceClient, path string, refused func(id string, reason error)) (Imported, error) {
	var out Imported
	err := outbox.ReadAside(path, func(value []byte) error {
		prediction, err := readAside(value)
		if err != nil {
			out.Refused++
			refused("?", err)
			return nil
		}
		answer, err := client.RecordPredictions(ctx, &internalv1.RecordPredictionsRequest{
			Predictions: []*futurisysv1.Prediction{prediction}, Answered: true,
		})
		switch {
		case status.Code(err) == codes.InvalidArgument:
			out.Refused++
			refused(prediction.GetId(), errors.New(status.Convert(err).Message()))
		case err != nil:
			return fmt.Errorf("record %s: %w", prediction.GetId(), err)
		case answer.GetAddedCount() == 0:
			out.There++
		default:
			out.Added++
		}
		return nil
	})
	return out, err //nolint:wrapcheck // it says what it was doing
}
