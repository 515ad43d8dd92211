package batch_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/futurisys/futurisys/services/platform/batch"
)

const patience = 10 * time.Second

// sink takes batches and lets the test hold them up.
type sink struct {
	arrived chan []int
	release chan error
}

func newSink() *sink { return &sink{arrived: make(chan []int), release: make(chan error)} }

func (s *sink) send(items []int) error {
	s.arrived <- slices.Clone(items)
	return <-s.release
}

func start(t *testing.T, send func([]int) error, change func(*batch.Options[int])) *batch.Batcher[int] {
	t.Helper()
	options := batch.Options[int]{Send: send, Senders: 1, Max: func() int { return 100 }, Queue: 100, Weigh: func(int) int { return 1 }}
	if change != nil {
		change(&options)
	}
	b := batch.New(options)
	t.Cleanup(b.Close)
	return b
}

// do starts calls one after the other, so that their order is known, and returns
// where their results come.
func do(t *testing.T, b *batch.Batcher[int], items ...int) []chan error {
	t.Helper()
	out := make([]chan error, len(items))
	for i, item := range items {
		out[i] = make(chan error, 1)
		go func() { out[i] <- b.Do(context.Background(), item) }()
		time.Sleep(5 * time.Millisecond)
	}
	return out
}

func next[T any](t *testing.T, from <-chan T) T {
	t.Helper()
	select {
	case value := <-from:
		return value
	case <-time.After(patience):
		t.Fatal("nothing came")
		panic("unreachable")
	}
}

func TestLoneItemLeavesAtOnceAndTheNextGather(t *testing.T) {
	s := newSink()
	b := start(t, s.send, nil)
	first := do(t, b, 1)
	if got := next(t, s.arrived); !slices.Equal(got, []int{1}) {
		t.Fatalf("got %v", got)
	}
	more := do(t, b, 2, 3, 4)
	s.release <- nil
	if err := next(t, first[0]); err != nil {
		t.Error(err)
	}
	if got := next(t, s.arrived); !slices.Equal(got, []int{2, 3, 4}) {
		t.Errorf("got %v, want all that waited, in order", got)
	}
	failed := errors.New("failed")
	s.release <- failed
	for _, result := range more {
		if err := next(t, result); !errors.Is(err, failed) {
			t.Errorf("got %v", err)
		}
	}
}

func TestBatchesAreBoundedByWeight(t *testing.T) {
	s := newSink()
	b := start(t, s.send, func(o *batch.Options[int]) {
		o.Max = func() int { return 10 }
		o.Weigh = func(item int) int { return item }
	})
	do(t, b, 1)
	next(t, s.arrived)
	do(t, b, 4, 5, 3, 50, 2)
	for _, want := range [][]int{{4, 5}, {3}, {50}, {2}} {
		s.release <- nil
		if got := next(t, s.arrived); !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	}
	s.release <- nil
}

// Who gives up does not take the others along, and what was let in is sent.
func TestCallerWhoGivesUpIsSentAllTheSame(t *testing.T) {
	s := newSink()
	b := start(t, s.send, nil)
	do(t, b, 1)
	next(t, s.arrived)
	ctx, cancel := context.WithCancel(t.Context())
	gone := make(chan error, 1)
	go func() { gone <- b.Do(ctx, 2) }()
	time.Sleep(5 * time.Millisecond)
	other := do(t, b, 3)
	cancel()
	if err := next(t, gone); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	s.release <- nil
	if got := next(t, s.arrived); !slices.Equal(got, []int{2, 3}) {
		t.Errorf("got %v", got)
	}
	s.release <- nil
	if err := next(t, other[0]); err != nil {
		t.Error(err)
	}
}

func TestFullQueueLetsCallersWaitAsLongAsTheyLike(t *testing.T) {
	s := newSink()
	b := start(t, s.send, func(o *batch.Options[int]) { o.Queue = 1 })
	do(t, b, 1)
	next(t, s.arrived)
	do(t, b, 2) // waits in the queue
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := b.Do(ctx, 3); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	s.release <- nil
	if got := next(t, s.arrived); !slices.Equal(got, []int{2}) {
		t.Errorf("got %v: who was not let in must not be sent", got)
	}
	s.release <- nil
}

func TestPanicIsAnErrorAndTheNextBatchGoesOn(t *testing.T) {
	var calls atomic.Int32
	b := start(t, func([]int) error {
		if calls.Add(1) == 1 {
			panic("broken")
		}
		return nil
	}, nil)
	if err := b.Do(t.Context(), 1); err == nil {
		t.Error("a panic must be an error")
	}
	if err := b.Do(t.Context(), 2); err != nil {
		t.Error(err)
	}
}

func TestCloseSendsWhatWasLetIn(t *testing.T) {
	s := newSink()
	b := start(t, s.send, nil)
	do(t, b, 1)
	next(t, s.arrived)
	waiting := do(t, b, 2)
	closed := make(chan struct{})
	go func() {
		b.Close()
		close(closed)
	}()
	s.release <- nil
	next(t, s.arrived)
	select {
	case <-closed:
		t.Fatal("closed while a batch was on its way")
	case <-time.After(20 * time.Millisecond):
	}
	s.release <- nil
	if err := next(t, waiting[0]); err != nil {
		t.Error(err)
	}
	next(t, closed)
	if err := b.Do(t.Context(), 3); !errors.Is(err, batch.ErrClosed) {
		t.Errorf("got %v", err)
	}
}

// Under load every item is sent exactly once, by several senders.
func TestEveryItemIsSentOnce(t *testing.T) {
	const callers, each = 50, 200
	var mu sync.Mutex
	seen := map[int]int{}
	batches := 0
	b := start(t, func(items []int) error {
		mu.Lock()
		defer mu.Unlock()
		batches++
		for _, item := range items {
			seen[item]++
		}
		return nil
	}, func(o *batch.Options[int]) { o.Senders, o.Queue = 3, 10 })
	var group sync.WaitGroup
	for caller := range callers {
		group.Go(func() {
			for i := range each {
				if err := b.Do(t.Context(), caller*each+i); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	if len(seen) != callers*each {
		t.Errorf("%d of %d were sent", len(seen), callers*each)
	}
	for item, times := range seen {
		if times != 1 {
			t.Errorf("%d was sent %d times", item, times)
		}
	}
	t.Logf("%d items in %d batches", callers*each, batches)
}
