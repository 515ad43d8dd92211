package inflight_test

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/futurisys/futurisys/services/platform/apierr"
	"github.com/futurisys/futurisys/services/platform/inflight"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

func TestWhatIsOverTheLimitIsRefusedAtOnce(t *testing.T) {
	limit := inflight.New(10)
	first, err := limit.Acquire(7)
	if err != nil {
		t.Fatal(err)
	}
	_, err = limit.Acquire(4)
	refused, is := errors.AsType[*apierr.Error](err)
	if !is || refused.Reason != futurisysv1.ErrorReason_ERROR_REASON_OVERLOADED || refused.RetryAfter < time.Second || refused.RetryAfter > 2*time.Second {
		t.Errorf("got %v", err)
	}
	second, err := limit.Acquire(3)
	if err != nil {
		t.Errorf("so much is left: got %v", err)
	}
	if _, err := limit.Acquire(0); err == nil {
		t.Error("nothing is left, and what weighs nothing is taken")
	}
	first()
	second()
	all, err := limit.Acquire(1_000_000) // alone, even what is larger than the limit
	if err != nil {
		t.Fatal(err)
	}
	if _, err := limit.Acquire(1); err == nil {
		t.Error("beside what takes all something is let in")
	}
	all()
}

func TestNoMoreThanTheLimitIsEverInFlight(t *testing.T) {
	limit := inflight.New(3)
	var now, highest, served, refused atomic.Int64
	var callers sync.WaitGroup
	for range 50 {
		callers.Go(func() {
			for range 20 {
				release, err := limit.Acquire(1)
				if err != nil {
					refused.Add(1)
					continue
				}
				for at := now.Add(1); ; {
					before := highest.Load()
					if at <= before || highest.CompareAndSwap(before, at) {
						break
					}
				}
				time.Sleep(time.Millisecond)
				now.Add(-1)
				served.Add(1)
				release()
			}
		})
	}
	callers.Wait()
	if highest.Load() > 3 || served.Load()+refused.Load() != 1000 || served.Load() == 0 || refused.Load() == 0 {
		t.Errorf("%d at once, %d served, %d refused", highest.Load(), served.Load(), refused.Load())
	}
	if release, err := limit.Acquire(3); err != nil {
		t.Errorf("afterwards not all is free: %v", err)
	} else {
		release()
	}
}

// One caller cannot take all; what is larger than his part he gets alone.
func TestOneCallerLeavesSomeToOthers(t *testing.T) {
	limit := inflight.New(100)
	large, err := limit.AcquireFor("one", 90)
	if err != nil {
		t.Fatalf("alone: %v", err)
	}
	if _, err := limit.AcquireFor("one", 1); err == nil {
		t.Error("beside something larger than his part he gets more")
	}
	if release, err := limit.AcquireFor("another", 10); err != nil {
		t.Error(err)
	} else {
		release()
	}
	large()
	var held []func()
	for {
		release, err := limit.AcquireFor("one", 5)
		if err != nil {
			break
		}
		held = append(held, release)
	}
	if len(held) != 15 {
		t.Errorf("he got %d times 5 of 100", len(held))
	}
	for _, caller := range []string{"another", ""} {
		if release, err := limit.AcquireFor(caller, 20); err != nil {
			t.Errorf("%q: %v", caller, err)
		} else {
			release()
		}
	}
	for _, release := range held {
		release()
	}
	if release, err := limit.AcquireFor("one", 100); err != nil {
		t.Errorf("afterwards: %v", err)
	} else {
		release()
	}
}
