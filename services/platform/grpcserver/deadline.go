package grpcserver

import (
	"context"
	"time"

	"github.com/futurisys/futurisys/proto/policy"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// How much before a caller's deadline a call ends: a tenth of its time, and this at most.
// The caller gets our error then, which says more than its own clock does.
const maxMargin = 50 * time.Millisecond

// timeFor is how long a call may take: as its policy says, and a little less than its
// caller waits.
func timeFor(ctx context.Context, known *futurisysv1.Policy) time.Duration {
	allowed := policy.Deadline(known)
	if deadline, ok := ctx.Deadline(); ok {
		left := time.Until(deadline)
		allowed = min(allowed, left-min(left/10, maxMargin)) //nolint:mnd // a tenth
	}
	return allowed
}
