package readiness_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/futurisys/futurisys/services/platform/readiness"
	"github.com/futurisys/futurisys/services/platform/telemetry"
)

func TestFollowSaysEachChangeOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var lines strings.Builder
		var reason atomic.Pointer[string]
		watch := readiness.New(func(context.Context) error {
			if said := reason.Load(); said != nil {
				return errors.New(*said)
			}
			return nil
		}, telemetry.NewLogger(&lines, "test", "info", "text"))
		told := false
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		reason.Store(new("no model"))
		go watch.Follow(ctx, func(ready bool) { told = ready })
		for _, step := range []struct {
			reason *string
			want   string
		}{
			{new("no model"), "level=INFO msg=\"not ready yet\" service=test reason=\"no model\""},
			{nil, "level=INFO msg=ready"},
			{new("no disk"), "level=WARN msg=\"not ready\" service=test reason=\"no disk\""},
		} {
			reason.Store(step.reason)
			time.Sleep(5 * time.Second)
			synctest.Wait()
			if got := strings.Count(lines.String(), step.want); got != 1 {
				t.Errorf("%q is logged %d times: %s", step.want, got, lines.String())
			}
			if told != (step.reason == nil) {
				t.Errorf("%s: told %v", step.want, told)
			}
		}
	})
}

// What differs only in a number is said once, and again as long as it lasts.
func TestFollowSaysNowAndThenWhatLasts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var lines strings.Builder
		port := 40_000
		watch := readiness.New(func(context.Context) error {
			port++
			return fmt.Errorf("read tcp 127.0.0.1:%d: connection reset by peer", port)
		}, telemetry.NewLogger(&lines, "test", "info", "text"))
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go watch.Follow(ctx, func(bool) {})
		time.Sleep(150 * time.Second)
		synctest.Wait()
		if got := strings.Count(lines.String(), "not ready yet"); got != 3 {
			t.Errorf("%d lines: %s", got, lines.String())
		}
	})
}

// A process that stops is not ready for good, whatever it finds.
func TestStoppingIsForGood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var lines strings.Builder
		watch := readiness.New(func(context.Context) error { return nil }, telemetry.NewLogger(&lines, "test", "info", "text"))
		told := false
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go watch.Follow(ctx, func(ready bool) { told = ready })
		time.Sleep(time.Second)
		synctest.Wait()
		if err := watch.Check(ctx); err != nil || !told {
			t.Errorf("before: got %v, told %v", err, told)
		}
		watch.Stop()
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if err := watch.Check(ctx); err == nil || told {
			t.Errorf("afterwards: got %v, told %v", err, told)
		}
	})
}
