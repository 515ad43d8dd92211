package grpcserver

import (
	"context"
	"time"
)

// How often FollowReady looks while calls can be answered and while they cannot, and for
// how long at most.
const (
	readyInterval    = time.Second
	notReadyInterval = 100 * time.Millisecond
	readyTimeout     = 2 * time.Second
)

// FollowReady says until ctx ends what ready says: nil when calls can be answered, else
// why not.
func (s *Server) FollowReady(ctx context.Context, ready func(context.Context) error) {
	const never = "never looked"
	before := never
	for {
		look, cancel := context.WithTimeout(ctx, readyTimeout)
		err := ready(look)
		cancel()
		if ctx.Err() != nil {
			return
		}
		s.SetReady(err == nil)
		reason, wait := "", readyInterval
		if err != nil {
			reason, wait = err.Error(), notReadyInterval
		}
		switch {
		case reason == before:
		case err != nil && before == never: // it has only just started
			s.log.InfoContext(ctx, "not ready yet", "reason", reason)
		case err != nil:
			s.log.WarnContext(ctx, "not ready", "reason", reason)
		default:
			s.log.InfoContext(ctx, "ready")
		}
		before = reason
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return
		}
	}
}
