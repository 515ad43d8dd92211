package grpcserver

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/futurisys/futurisys/proto/catalogue"
	"github.com/futurisys/futurisys/services/platform/apierr"
	"github.com/futurisys/futurisys/services/platform/requestid"
)

// guard names each call, turns panics and unknown errors into what a caller may see, and
// logs a line about the call, with the cause of a failure.
type guard struct {
	log      *slog.Logger
	access   bool // also calls that succeed, or fail by their caller's doing
	mapError func(error) error
}

func (g *guard) unary(ctx context.Context, request any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (answer any, err error) {
	start := time.Now()
	ctx, id := requestid.FromMetadata(ctx)
	_ = grpc.SetHeader(ctx, requestid.Answer(id)) // it fails only once the answer is sent
	defer func() { err = g.finish(ctx, info.FullMethod, start, recover(), err) }()
	return next(ctx, request)
}

func (g *guard) stream(service any, stream grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) (err error) {
	start := time.Now()
	ctx, id := requestid.FromMetadata(stream.Context())
	_ = stream.SetHeader(requestid.Answer(id)) // it fails only once the answer is sent
	defer func() { err = g.finish(ctx, info.FullMethod, start, recover(), err) }()
	return next(service, &contextStream{ServerStream: stream, ctx: ctx})
}

func (g *guard) finish(ctx context.Context, method string, start time.Time, panicked any, err error) error {
	if panicked != nil {
		err = fmt.Errorf("panic: %v\n%s", panicked, debug.Stack())
	}
	if err == nil {
		if g.access {
			g.log.LogAttrs(ctx, levelOf(method), "call", slog.String("method", method), slog.String("code", codes.OK.String()), took(start))
		}
		return nil
	}
	if g.mapError != nil {
		err = g.mapError(err)
	}
	seen, _ := apierr.Hide(err)
	code := status.Code(seen)
	line := []slog.Attr{
		slog.String("method", method), slog.String("code", code.String()), took(start),
		slog.String("reason", catalogue.Name(apierr.ReasonOf(seen))),
	}
	switch level := failureLevel(code); {
	case level >= slog.LevelWarn: // the cause is never the caller's to see, and always the operator's
		g.log.LogAttrs(ctx, level, "call failed", append(line, slog.Any("error", err))...)
	case g.access:
		g.log.LogAttrs(ctx, level, "call refused", line...)
	}
	return apierr.WithRequestID(seen, requestid.From(ctx))
}

// failureLevel is how much of an operator's business a failure is: a fault of ours, or
// something that is unavailable or slow, or the caller's own.
func failureLevel(code codes.Code) slog.Level {
	switch code {
	case codes.Internal, codes.Unknown, codes.DataLoss:
		return slog.LevelError
	case codes.Unavailable, codes.DeadlineExceeded:
		return slog.LevelWarn
	default:
		return slog.LevelInfo
	}
}

// levelOf is that of a call that succeeded: probes come every second.
func levelOf(method string) slog.Level {
	if strings.HasPrefix(method, "/futurisys.v1.") && !strings.HasPrefix(method, "/futurisys.v1.StatusService/") {
		return slog.LevelInfo
	}
	return slog.LevelDebug
}

func took(start time.Time) slog.Attr { return slog.Duration("duration", time.Since(start)) }

// contextStream is a stream with a context of its own.
type contextStream struct {
	grpc.ServerStream

	ctx context.Context //nolint:containedctx // a ServerStream has one
}

// Context is the call's context.
func (s *contextStream) Context() context.Context { return s.ctx }
