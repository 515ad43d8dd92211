package registry

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// How long to wait before the repository is looked at again while a model lacks
// its champion.
const (
	firstRetry = time.Second
	lastRetry  = 30 * time.Second
)

// Run looks at the repository now, again soon while it is not ready, and then every
// interval (0: no more by itself), until ctx ends.
func (r *Registry) Run(ctx context.Context, interval time.Duration) {
	soon := backoff.NewExponentialBackOff()
	soon.InitialInterval, soon.MaxInterval = firstRetry, lastRetry
	for {
		if err := r.Refresh(ctx); err != nil && ctx.Err() == nil {
			level := slog.LevelError
			if errors.Is(err, ErrJournal) { // persistence starts later, or again
				level = slog.LevelWarn
			}
			r.options.Logger.Log(ctx, level, "refresh the models", "error", err)
		}
		wait := interval
		if r.Ready() != nil {
			wait = soon.NextBackOff()
		} else {
			soon.Reset()
		}
		var again <-chan time.Time
		if wait > 0 {
			again = time.After(wait)
		}
		select {
		case <-again:
		case <-ctx.Done():
			return
		}
	}
}
