package server

import (
	"context"
	"errors"
	"io"

	"google.golang.org/grpc"

	"github.com/futurisys/futurisys/services/inference/internal/scoring"
	"github.com/futurisys/futurisys/services/platform/access"
	"github.com/futurisys/futurisys/services/platform/apierr"
	"github.com/futurisys/futurisys/services/platform/guarded"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// streamAhead is how many rows of a stream are read ahead, and so how many are
// scored together at most.
const streamAhead = 256

type predictStream = grpc.BidiStreamingServer[futurisysv1.StreamPredictRequest, futurisysv1.StreamPredictResponse]

// StreamPredict scores rows as they come. What arrives while a run is under way
// leaves together in the next: no timer, and a lone row does not wait.
func (s *Prediction) StreamPredict(stream predictStream) error {
	ctx, cancel := context.WithCancel(stream.Context())
	defer cancel()
	arrived := make(chan *futurisysv1.StreamPredictRequest, streamAhead)
	ended := make(chan error, 1)
	go func() {
		defer close(arrived)
		ended <- guarded.Call(func() error { return receive(ctx, stream, arrived) })
	}()
	var index int32
	for first := range arrived {
		group := gather(first, arrived)
		if err := s.answer(stream, group, index); err != nil {
			return err
		}
		index += int32(len(group))
	}
	return <-ended
}

// receive hands on what the caller sends, until the caller has sent all.
func receive(ctx context.Context, stream predictStream, arrived chan<- *futurisysv1.StreamPredictRequest) error {
	for {
		request, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err //nolint:wrapcheck // a status, or what is wrong with the message
		}
		select {
		case arrived <- request:
		case <-ctx.Done():
			return ctx.Err() //nolint:wrapcheck // the caller went away
		}
	}
}

// gather takes what has arrived besides the first row.
func gather(first *futurisysv1.StreamPredictRequest, arrived <-chan *futurisysv1.StreamPredictRequest) []*futurisysv1.StreamPredictRequest {
	group := []*futurisysv1.StreamPredictRequest{first}
	for len(group) < streamAhead {
		select {
		case next, ok := <-arrived:
			if !ok {
				return group
			}
			group = append(group, next)
		default:
			return group
		}
	}
	return group
}

// answer scores the rows of a group, those in sequence for one version together, and
// answers each in its turn.
func (s *Prediction) answer(stream predictStream, group []*futurisysv1.StreamPredictRequest, index int32) error {
	for start := 0; start < len(group); {
		end := start + 1
		for end < len(group) && sameTarget(group[start], group[end]) {
			end++
		}
		results, err := s.scoreGroup(stream.Context(), group[start:end], index+int32(start))
		if err != nil {
			return err
		}
		for i, result := range results {
			response := &futurisysv1.StreamPredictResponse{RowId: group[start+i].GetRowId(), Result: result}
			if err := stream.Send(response); err != nil {
				return err //nolint:wrapcheck // a status
			}
		}
		start = end
	}
	return nil
}

// scoreGroup scores rows for one version. A version that is not there is an
// error of each row: other rows of the stream may name another.
func (s *Prediction) scoreGroup(ctx context.Context, group []*futurisysv1.StreamPredictRequest, index int32) ([]*futurisysv1.RowResult, error) {
	results := make([]*futurisysv1.RowResult, len(group))
	version, err := s.acquire(group[0])
	if err != nil {
		var known *apierr.Error
		if !errors.As(err, &known) {
			return nil, err
		}
		for i := range group {
			results[i] = rowFailure(index+int32(i), known)
		}
		return results, nil
	}
	defer version.Release()
	rows, subject := make([]scoring.Row, len(group)), access.Subject(ctx)
	for i, request := range group {
		rows[i] = scoring.Row{Profile: request.GetProfile(), Name: scoring.NewRequest(subject, request.GetRequestId(), requestedOf(request)).Row(), Explain: request.GetExplain()}
	}
	outcomes, err := s.scorer.Score(ctx, version, rows, "")
	if err != nil {
		return nil, err //nolint:wrapcheck // see MapError
	}
	for i, outcome := range outcomes {
		results[i] = rowResult(index+int32(i), outcome, version)
	}
	return results, nil
}

func sameTarget(a, b target) bool {
	return a.GetModel() == b.GetModel() && a.GetVersion() == b.GetVersion() && a.GetAlias() == b.GetAlias()
}
