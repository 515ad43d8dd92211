// Package readiness follows whether a process can do its job, and says when that changes.
package readiness

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"
	"unicode"
)

// Look returns nil when a process can do its job, else why it cannot.
type Look func(ctx context.Context) error

// How often Follow looks while the process is ready and while it is not, and for how long at
// most.
const (
	readyInterval    = time.Second
	notReadyInterval = 100 * time.Millisecond
	lookTimeout      = 2 * time.Second
	sayInterval      = time.Minute
)

var errStopping = errors.New("stopping")

// Watch is what one process says of itself. Many goroutines may use it at once.
type Watch struct {
	look     Look
	log      *slog.Logger
	stopping atomic.Bool
}

// New returns a watch over what look says.
func New(look Look, log *slog.Logger) *Watch { return &Watch{look: look, log: log} }

// Stop makes the process not ready for good.
func (w *Watch) Stop() { w.stopping.Store(true) }

// Check returns nil when the process can do its job now, else why it cannot.
func (w *Watch) Check(ctx context.Context) error {
	if w.stopping.Load() {
		return errStopping
	}
	return w.look(ctx)
}

// Follow looks until ctx ends, tells what it sees, and logs when it changes, or while the
// process is not ready now and then.
func (w *Watch) Follow(ctx context.Context, tell func(ready bool)) {
	const never = "never looked"
	wasReady, before, said := false, never, time.Now()
	for {
		look, cancel := context.WithTimeout(ctx, lookTimeout)
		err := w.Check(look)
		cancel()
		if ctx.Err() != nil {
			return
		}
		tell(err == nil)
		reason, wait := "", readyInterval
		if err != nil {
			reason, wait = kind(err), notReadyInterval
		}
		if reason != before || err != nil && time.Since(said) > sayInterval {
			w.say(ctx, err, wasReady)
			said = time.Now()
		}
		wasReady, before = wasReady || err == nil, reason
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return
		}
	}
}

// kind is an error without its numbers: the port of a connection is another one each time.
func kind(err error) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsDigit(r) {
			return -1
		}
		return r
	}, err.Error())
}

func (w *Watch) say(ctx context.Context, err error, wasReady bool) {
	switch {
	case errors.Is(err, errStopping): // whoever stops it says so
	case err == nil:
		w.log.InfoContext(ctx, "ready")
	case wasReady:
		w.log.WarnContext(ctx, "not ready", "reason", err)
	default:
		w.log.InfoContext(ctx, "not ready yet", "reason", err)
	}
}
