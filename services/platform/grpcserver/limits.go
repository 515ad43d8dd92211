package grpcserver

import (
	"context"
	"time"

	"google.golang.org/grpc"

	"github.com/futurisys/futurisys/proto/policy"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// limits holds each call to the time of its method's policy. A caller's own
// deadline, if it is earlier, stays. A stream has none unless its policy gives it one.
type limits struct {
	policies policy.Policies
}

func (l *limits) unary(ctx context.Context, request any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	known := l.policies[info.FullMethod]
	ctx, cancel := context.WithTimeout(ctx, timeFor(ctx, known))
	defer cancel()
	return next(ctx, request)
}

func (l *limits) stream(service any, stream grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) error {
	known := l.policies[info.FullMethod]
	if known.GetDeadline() == nil {
		return next(service, stream)
	}
	ctx, cancel := context.WithTimeout(stream.Context(), timeFor(stream.Context(), known))
	defer cancel()
	return next(service, &contextStream{ServerStream: stream, ctx: ctx})
}

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
