package server_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/futurisys/futurisys/services/inference/internal/recorder"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

func TestStreamAnswersEachRowInItsTurn(t *testing.T) {
	a := start(t, recorder.Required)
	stream, err := a.predictions.StreamPredict(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	good := example(t, a)
	const rows = 1000
	go func() {
		for i := range rows {
			request := &futurisysv1.StreamPredictRequest{RowId: fmt.Sprint(i), Model: "attrition", Profile: good}
			switch i % 10 {
			case 3:
				request.Profile = nil
			case 7:
				request.Model = "nothing"
			}
			if err := stream.Send(request); err != nil {
				t.Error(err)
				return
			}
		}
		if err := stream.CloseSend(); err != nil {
			t.Error(err)
		}
	}()
	for i := 0; ; i++ {
		answer, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			if i != rows {
				t.Errorf("%d answers to %d rows", i, rows)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if answer.GetRowId() != fmt.Sprint(i) || int(answer.GetResult().GetIndex()) != i {
			t.Fatalf("answer %d is of row %s, index %d", i, answer.GetRowId(), answer.GetResult().GetIndex())
		}
		want := map[int]futurisysv1.ErrorReason{3: futurisysv1.ErrorReason_ERROR_REASON_INVALID_PROFILE, 7: futurisysv1.ErrorReason_ERROR_REASON_MODEL_NOT_FOUND}[i%10]
		if got := answer.GetResult().GetError().GetReason(); got != want {
			t.Fatalf("row %d: reason %s, want %s", i, got, want)
		}
		if want == 0 && a.ledger.find(answer.GetResult().GetPrediction().GetId()) == nil {
			t.Fatalf("row %d was answered and is not on record", i)
		}
	}
}

func TestStreamEndsWithItsCaller(t *testing.T) {
	a := start(t, recorder.Off)
	ctx, cancel := context.WithCancel(t.Context())
	stream, err := a.predictions.StreamPredict(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(&futurisysv1.StreamPredictRequest{Model: "attrition", Profile: example(t, a)}); err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := stream.Recv(); status.Code(err) != codes.Canceled {
		t.Errorf("got %v", err)
	}
}
