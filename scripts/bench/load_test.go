package main

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"
)

func TestLoadCountsRowsAndFails(t *testing.T) {
	var calls atomic.Int64
	got, err := load(t.Context(), aCase{callers: 4, rows: 10, call: func(context.Context) error {
		calls.Add(1)
		time.Sleep(time.Millisecond)
		return nil
	}})
	if err != nil || got.rate <= 0 || got.rate > float64(10*calls.Load()) || got.p50 < time.Millisecond || got.p99 < got.p50 {
		t.Errorf("got %+v after %d calls, %v", got, calls.Load(), err)
	}
	broken := errors.New("no")
	if _, err := load(t.Context(), aCase{callers: 2, rows: 1, call: func(context.Context) error { return broken }}); !errors.Is(err, broken) {
		t.Errorf("a failed call must fail the figure, got %v", err)
	}
}

func TestMedian(t *testing.T) {
	if got := median([]float64{5, 1, 3}); got != 3 {
		t.Errorf("got %g", got)
	}
}
