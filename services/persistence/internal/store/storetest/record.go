package storetest

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/futurisys/futurisys/services/persistence/internal/store"
)

func recordingTwiceAddsOnce(t *testing.T, s store.Store) {
	first, second := prediction(1, time.Now()), prediction(1, time.Now())
	mustRecord(t, s, first)
	recorded, err := s.RecordPredictions(t.Context(), []store.Prediction{first, second, second}, true)
	if err != nil || recorded.Added != 1 || len(recorded.Earlier) != 0 {
		t.Fatalf("got %+v, %v", recorded, err)
	}
	kept, err := s.Prediction(t.Context(), first.ID)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, *kept, first)
	noConflicts(t, s)
}

func recordingIsAllOrNone(t *testing.T, s store.Store) {
	good, bad := prediction(1, time.Now()), prediction(1, time.Now())
	bad.Probability = 1.5 // which no row may hold
	_, err := s.RecordPredictions(t.Context(), []store.Prediction{good, bad}, false)
	fails(t, err, store.ErrRefused)
	_, err = s.Prediction(t.Context(), good.ID)
	fails(t, err, store.ErrNotFound)
}

// A retry that was scored again gets what was answered first, to the microsecond.
func firstAnswerIsTheRecord(t *testing.T, s store.Store) {
	first := prediction(1, time.Now())
	first.Explanation = &store.Explanation{Method: "tree", Contributions: []store.Contribution{{Feature: "age", Contribution: 1}}}
	mustRecord(t, s, first)
	later := first
	later.CreateTime = first.CreateTime.Add(time.Second)
	other := prediction(2, time.Now())
	recorded, err := s.RecordPredictions(t.Context(), []store.Prediction{other, later}, false)
	if err != nil || recorded.Added != 1 {
		t.Fatalf("got %+v, %v", recorded, err)
	}
	equal(t, recorded.Earlier, []store.Prediction{first})
	later.Probability, later.ModelVersion = 0.9, 2
	if recorded, err = s.RecordPredictions(t.Context(), []store.Prediction{later}, false); err != nil {
		t.Fatal(err)
	}
	equal(t, recorded.Earlier, []store.Prediction{first})
	noConflicts(t, s) // nobody was given the second answer
}

// Two answers to one request that were both given: the first to arrive is the
// record, the other is kept beside it, once.
func conflictIsKept(t *testing.T, s store.Store) {
	first := prediction(1, time.Now())
	mustRecord(t, s, first)
	same := first
	same.CreateTime = first.CreateTime.Add(time.Second) // the same answer, given again
	other := first
	other.CreateTime = first.CreateTime.Add(2 * time.Second)
	other.Probability, other.ModelVersion = 0.9, 2
	for range 2 { // a replay after a crash changes nothing
		recorded, err := s.RecordPredictions(t.Context(), []store.Prediction{same, other}, true)
		if err != nil || recorded.Added != 0 {
			t.Fatalf("got %+v, %v", recorded, err)
		}
	}
	page, err := s.ListConflicts(t.Context(), 0, 10)
	if err != nil || len(page.Rows) != 1 || page.Total != 1 || page.More {
		t.Fatalf("got %+v, %v", page, err)
	}
	equal(t, page.Rows[0].Prediction, other)
	if age := time.Since(page.Rows[0].RecordTime); age < 0 || age > time.Minute {
		t.Errorf("recorded %s ago", age)
	}
	kept, err := s.Prediction(t.Context(), first.ID)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, *kept, first)
}

func conflictsPageByPage(t *testing.T, s store.Store) {
	var want, got []string
	for range 5 {
		first := prediction(1, time.Now())
		mustRecord(t, s, first)
		other := first
		other.Probability = 0.9
		other.CreateTime = first.CreateTime.Add(time.Second)
		if _, err := s.RecordPredictions(t.Context(), []store.Prediction{other}, true); err != nil {
			t.Fatal(err)
		}
		want = append([]string{first.ID}, want...)
	}
	for before := int64(0); ; {
		page, err := s.ListConflicts(t.Context(), before, 2)
		if err != nil || page.Total != 5 {
			t.Fatalf("got %+v, %v", page, err)
		}
		for _, conflict := range page.Rows {
			got = append(got, conflict.Prediction.ID)
			before = conflict.Number
		}
		if !page.More {
			break
		}
	}
	equal(t, got, want)
}

// Copies of the service retry one request at once: one row, and everybody learns
// what it is.
func oneIDManyTimesAtOnce(t *testing.T, s store.Store) {
	id := uuid.NewString()
	base := time.Now()
	var added atomic.Int32
	earlier := make([]string, 8)
	var group sync.WaitGroup
	for i := range earlier {
		mine := prediction(1, base.Add(time.Duration(i)*time.Second))
		mine.ID = id
		group.Go(func() {
			recorded, err := s.RecordPredictions(t.Context(), []store.Prediction{prediction(3, base), mine}, false)
			if err != nil {
				t.Error(err)
				return
			}
			added.Add(int32(recorded.Added))
			earlier[i] = mine.CreateTime.String()
			for _, e := range recorded.Earlier {
				earlier[i] = e.CreateTime.String()
			}
		})
	}
	group.Wait()
	if added.Load() != int32(len(earlier))+1 {
		t.Errorf("added %d", added.Load())
	}
	kept, err := s.Prediction(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	for i, e := range earlier {
		if e != kept.CreateTime.String() {
			t.Errorf("caller %d was told %s, on record is %s", i, e, kept.CreateTime)
		}
	}
}

func noConflicts(t *testing.T, s store.Store) {
	t.Helper()
	page, err := s.ListConflicts(t.Context(), 0, 10)
	if err != nil || len(page.Rows) != 0 || page.Total != 0 {
		t.Errorf("got %+v, %v", page, err)
	}
}
