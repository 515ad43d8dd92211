package telemetry

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

// Repeated logs a line that may come again and again: the first few times, then once in an
// interval, with how many were left out. Many goroutines may use it at once.
type Repeated struct {
	some rate.Sometimes
	left atomic.Int64
}

// NewRepeated returns one that logs the first lines, and then one in each interval.
func NewRepeated(first int, interval time.Duration) *Repeated {
	return &Repeated{some: rate.Sometimes{First: first, Interval: interval}}
}

// Log logs the line, if it is time.
func (r *Repeated) Log(ctx context.Context, log *slog.Logger, level slog.Level, message string, attributes ...slog.Attr) {
	logged := false
	r.some.Do(func() {
		logged = true
		if left := r.left.Swap(0); left > 0 {
			attributes = append(attributes, slog.Int64("left_out", left))
		}
		log.LogAttrs(ctx, level, message, attributes...)
	})
	if !logged {
		r.left.Add(1)
	}
}
