package storetest

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/futurisys/futurisys/services/persistence/internal/store"
)

func pagesAreStableWhileGrowing(t *testing.T, s store.Store) {
	base := time.Now()
	for i := range 4 {
		mustRecord(t, s, prediction(1, base.Add(time.Duration(i)*time.Second)))
	}
	first, err := s.ListPredictions(t.Context(), store.PredictionQuery{Limit: 2})
	if err != nil {
		t.Fatal(err)
	}
	mustRecord(t, s, prediction(1, base.Add(time.Hour))) // newer than the page
	last := first.Rows[1]
	second, err := s.ListPredictions(t.Context(), store.PredictionQuery{
		Limit: 2, After: &store.PredictionKey{CreateTime: last.CreateTime, ID: last.ID},
	})
	if err != nil || len(second.Rows) != 2 || second.More {
		t.Fatalf("second page: %+v, %v", second, err)
	}
	if !second.Rows[0].CreateTime.Before(last.CreateTime) {
		t.Error("the second page repeats rows of the first")
	}
}

// A reader who has followed up to a place in the sequence misses no row, whatever is
// being committed at the same time, and however old a row is.
func followerMissesNothing(t *testing.T, s store.Store) {
	const writers, each = 4, 25
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			for i := range each {
				rows := make([]store.Prediction, 1+(w+i)%5)
				for n := range rows {
					rows[n] = prediction(0, time.Now().Add(-time.Duration(i)*time.Hour))
				}
				if _, err := s.RecordPredictions(context.Background(), rows, false); err != nil {
					t.Error(err)
				}
			}
		})
	}
	written := make(chan struct{})
	go func() {
		all.Wait()
		close(written)
	}()
	seen := map[string]bool{}
	query := store.PredictionQuery{Order: store.ByCommitSequence, Limit: 7}
	for last := false; ; {
		page, err := s.ListPredictions(t.Context(), query)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range page.Rows {
			if p.CommitSequence <= query.AfterCommit {
				t.Fatalf("place %d comes after %d", p.CommitSequence, query.AfterCommit)
			}
			query.AfterCommit, seen[p.ID] = p.CommitSequence, true
		}
		if len(page.Rows) > 0 {
			continue
		}
		if last {
			break
		}
		select {
		case <-written:
			last = true // once more: what was committed since the page was read
		default:
		}
	}
	whole, err := s.ListPredictions(t.Context(), store.PredictionQuery{Limit: writers * each * 5})
	if err != nil || len(whole.Rows) != len(seen) {
		t.Errorf("followed %d of %d, %v", len(seen), len(whole.Rows), err)
	}
}

func longListIsEstimated(t *testing.T, s store.Store) {
	const many = store.CountLimit + 500
	base := time.Now()
	rows := make([]store.Prediction, many)
	for i := range rows {
		rows[i] = prediction(int32(i%100+1), base.Add(time.Duration(i)*time.Millisecond))
	}
	mustRecord(t, s, rows...)
	page, err := s.ListPredictions(t.Context(), store.PredictionQuery{Limit: 1})
	if err != nil || !page.Estimated || page.Total <= store.CountLimit {
		t.Fatalf("%d rows: total %d, estimated %v, %v", many, page.Total, page.Estimated, err)
	}
	page, err = s.ListPredictions(t.Context(), store.PredictionQuery{Model: "attrition", Limit: 1})
	if err != nil || !page.Estimated || page.Total <= store.CountLimit {
		t.Fatalf("filtered: total %d, estimated %v, %v", page.Total, page.Estimated, err)
	}
	page, err = s.ListPredictions(t.Context(), store.PredictionQuery{EmployeeID: 1, Limit: 1})
	if err != nil || page.Estimated || page.Total != many/100 {
		t.Fatalf("one employee: total %d, estimated %v, %v", page.Total, page.Estimated, err)
	}
}

func cancelledCallDoesNothing(t *testing.T, s store.Store) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	row := prediction(1, time.Now())
	if _, err := s.RecordPredictions(ctx, []store.Prediction{row}, false); err == nil {
		t.Error("a cancelled call must fail")
	}
	_, err := s.Prediction(t.Context(), row.ID)
	fails(t, err, store.ErrNotFound)
	if fmt.Sprint(s.Ping(t.Context())) != "<nil>" {
		t.Error("the database must answer after a cancelled call")
	}
}
