package grpcserver

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/futurisys/futurisys/proto/policy"
	"github.com/futurisys/futurisys/services/platform/apierr"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// limits holds each call to the time and the size of its method's policy. A caller's own
// deadline, if it is earlier, stays. A stream has none unless its policy gives it one.
type limits struct {
	policies policy.Policies
}

func (l *limits) unary(ctx context.Context, request any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	known := l.policies[info.FullMethod]
	if message, ok := request.(proto.Message); ok {
		if limit := policy.MaxRequestBytes(known); int64(proto.Size(message)) > limit {
			return nil, apierr.New(futurisysv1.ErrorReason_ERROR_REASON_TOO_LARGE, maxKey, limit)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, policy.Deadline(known))
	defer cancel()
	return next(ctx, request)
}

func (l *limits) stream(service any, stream grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) error {
	known := l.policies[info.FullMethod]
	if known.GetDeadline() == nil {
		return next(service, stream)
	}
	ctx, cancel := context.WithTimeout(stream.Context(), policy.Deadline(known))
	defer cancel()
	return next(service, &boundedStream{ServerStream: stream, ctx: ctx})
}

// boundedStream is a stream whose context ends with its method's time.
type boundedStream struct {
	grpc.ServerStream

	ctx context.Context //nolint:containedctx // a ServerStream has one
}

// Context is the call's context.
func (s *boundedStream) Context() context.Context { return s.ctx }
