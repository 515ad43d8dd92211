package server

import (
	"context"
	"strings"

	"github.com/futurisys/futurisys/services/inference/internal/registry"
	"github.com/futurisys/futurisys/services/inference/internal/scoring"
	"github.com/futurisys/futurisys/services/platform/access"
	"github.com/futurisys/futurisys/services/platform/apierr"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

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
	id = scoring.OwnBatchID(access.Subject(ctx), id)
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
		return nil, err //nolint:wrapcheck // see MapError
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
