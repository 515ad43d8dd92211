// Package inflight refuses work that would be more than a process can do at once. What is
// over the limit is refused at once, before it makes everybody else slow.
package inflight

import (
	"math/rand/v2"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/futurisys/futurisys/services/platform/apierr"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// Limit is how much may be in flight at once. Many goroutines may use it.
type Limit struct {
	left *semaphore.Weighted
	max  int64
}

// New returns a limit of so much.
func New(limit int64) *Limit { return &Limit{semaphore.NewWeighted(limit), limit} }

// Acquire takes a part of the limit, or all of it for what is larger; call the result when
// the work is over. *apierr.Error: so much is not left.
func (l *Limit) Acquire(weight int64) (release func(), err error) {
	weight = min(max(weight, 1), l.max)
	if !l.left.TryAcquire(weight) {
		return nil, overloaded()
	}
	return func() { l.left.Release(weight) }, nil
}

// overloaded tells callers to try again at different times: together they would be too many
// again.
func overloaded() error {
	refused := apierr.New(futurisysv1.ErrorReason_ERROR_REASON_OVERLOADED)
	refused.RetryAfter = time.Second + rand.N(time.Second) //nolint:gosec // to spread callers
	return refused
}
