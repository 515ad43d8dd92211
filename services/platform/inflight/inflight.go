// Package inflight refuses work that would be more than a process can do at once. What is
// over the limit is refused at once, before it makes everybody else slow.
package inflight

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/semaphore"

	"github.com/futurisys/futurisys/services/platform/apierr"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// Limit is how much may be in flight at once. Many goroutines may use it.
type Limit struct {
	left         *semaphore.Weighted
	max          int64
	now, refused atomic.Int64

	mu      sync.Mutex
	callers map[string]int64 // how much each has in flight
}

// New returns a limit of so much.
func New(limit int64) *Limit {
	return &Limit{left: semaphore.NewWeighted(limit), max: limit, callers: map[string]int64{}}
}

// Acquire takes a part of the limit, or all of it for what is larger; call the result when
// the work is over. *apierr.Error: so much is not left.
func (l *Limit) Acquire(weight int64) (release func(), err error) { return l.AcquireFor("", weight) }

// AcquireFor is like Acquire, for a caller who may not take all: beside something of his own he
// gets no more than three quarters of the limit. "": it is not known whose it is.
func (l *Limit) AcquireFor(caller string, weight int64) (release func(), err error) {
	return l.acquire(caller, weight, l.left.TryAcquire)
}

// roomTime is how long what was told to end may take.
const roomTime = 100 * time.Millisecond

// AcquireMakingRoom is like AcquireFor, and where the limit is full it makes room as often as
// that is possible: makeRoom ends something that holds a part, or says that there is nothing.
// Nobody's is ended for a caller who has his part.
func (l *Limit) AcquireMakingRoom(ctx context.Context, caller string, weight int64, makeRoom func() bool) (release func(), err error) {
	return l.acquire(caller, weight, func(weight int64) bool {
		taken := l.left.TryAcquire(weight)
		for !taken && makeRoom() {
			waiting, cancel := context.WithTimeout(ctx, roomTime)
			taken = l.left.Acquire(waiting, weight) == nil
			cancel()
		}
		return taken
	})
}

// acquire takes a part of the limit by take, which says whether it got it.
func (l *Limit) acquire(caller string, weight int64, take func(weight int64) bool) (release func(), err error) {
	weight = min(max(weight, 1), l.max)
	if !l.enter(caller, weight) {
		l.refused.Add(1)
		return nil, overloaded()
	}
	if !take(weight) {
		l.leave(caller, weight)
		l.refused.Add(1)
		return nil, overloaded()
	}
	l.now.Add(weight)
	return func() {
		l.now.Add(-weight)
		l.left.Release(weight)
		l.leave(caller, weight)
	}, nil
}

// enter counts a weight for a caller; false: it would be more than his part.
func (l *Limit) enter(caller string, weight int64) bool {
	if caller == "" {
		return true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	held := l.callers[caller]
	if held > 0 && held+weight > l.max*3/4 { //nolint:mnd // see AcquireFor
		return false
	}
	l.callers[caller] = held + weight
	return true
}

func (l *Limit) leave(caller string, weight int64) {
	if caller == "" {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.callers[caller] -= weight; l.callers[caller] == 0 {
		delete(l.callers, caller)
	}
}

// Register registers the metrics of limits, by what they limit.
func Register(registry prometheus.Registerer, limits map[string]*Limit) {
	for name, limit := range limits {
		labels := prometheus.Labels{"limit": name}
		registry.MustRegister(
			prometheus.NewGaugeFunc(prometheus.GaugeOpts{
				Name: "futurisys_in_flight", Help: "What is in flight, by the limit that it counts for: calls, rows or bytes.", ConstLabels: labels,
			}, func() float64 { return float64(limit.now.Load()) }),
			prometheus.NewGaugeFunc(prometheus.GaugeOpts{
				Name: "futurisys_in_flight_max", Help: "How much may be in flight at once.", ConstLabels: labels,
			}, func() float64 { return float64(limit.max) }),
			prometheus.NewCounterFunc(prometheus.CounterOpts{
				Name: "futurisys_overloaded_total", Help: "Calls that were refused because too much was in flight.", ConstLabels: labels,
			}, func() float64 { return float64(limit.refused.Load()) }),
		)
	}
}

// overloaded tells callers to try again at different times: together they would be too many
// again.
func overloaded() error {
	refused := apierr.New(futurisysv1.ErrorReason_ERROR_REASON_OVERLOADED)
	refused.RetryAfter = time.Second + rand.N(time.Second) //nolint:gosec // to spread callers
	return refused
}
