package grpcserver

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/futurisys/futurisys/proto/catalogue"
	"github.com/futurisys/futurisys/services/platform/apierr"
	"github.com/futurisys/futurisys/services/platform/requestid"
	"github.com/futurisys/futurisys/services/platform/telemetry"
)

// guard names each call, turns panics and unknown errors into what a caller may see, and
// logs a line about each that fails, with the cause; at level debug about each.
type guard struct {
	log      *slog.Logger
	mapError func(error) error
	failures sync.Map // of *telemetry.Repeated, by reason: while something is away each call fails
}

// How many lines there are about what fails again and again.
const (
	firstFailures   = 20
	failureInterval = 10 * time.Second
)

func (g *guard) unary(ctx context.Context, request any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (answer any, err error) {
	start := time.Now()
	ctx, named := requestid.FromMetadata(ctx)
	if named != nil {
		_ = grpc.SetHeader(ctx, named) // it fails only once the answer is sent
	}
	defer func() { err = g.finish(ctx, info.FullMethod, start, recover(), err) }()
	return next(ctx, request)
}

func (g *guard) stream(service any, stream grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) (err error) {
	start := time.Now()
	ctx, named := requestid.FromMetadata(stream.Context())
	if named != nil {
		_ = stream.SetHeader(named) // it fails only once the answer is sent
	}
	defer func() { err = g.finish(ctx, info.FullMethod, start, recover(), err) }()
	return next(service, &contextStream{ServerStream: stream, ctx: ctx})
}

func (g *guard) finish(ctx context.Context, method string, start time.Time, panicked any, err error) error {
	if panicked != nil {
		err = fmt.Errorf("panic: %v\n%s", panicked, debug.Stack())
	}
	if err == nil {
		if g.log.Enabled(ctx, slog.LevelDebug) { // at the gateway's rate even the attributes cost
			g.log.LogAttrs(ctx, slog.LevelDebug, "call", slog.String("method", method), slog.String("code", codes.OK.String()), took(start))
		}
		return nil
	}
	if !ours(method) && panicked == nil { // health and reflection have answers of their own
		g.log.LogAttrs(ctx, slog.LevelDebug, "call refused", slog.String("method", method), slog.String("code", status.Code(err).String()), took(start))
		return err
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
	if level := failureLevel(code); level < slog.LevelWarn {
		g.log.LogAttrs(ctx, level, "call refused", line...)
	} else { // the cause is never the caller's to see, and always the operator's
		repeated, _ := g.failures.LoadOrStore(apierr.ReasonOf(seen), telemetry.NewRepeated(firstFailures, failureInterval))
		repeated.(*telemetry.Repeated).Log(ctx, g.log, level, "call failed", append(line, slog.Any("error", err))...) //nolint:forcetypeassert // nothing else is put in
	}
	return apierr.WithRequestID(seen, requestid.From(ctx))
}

// ours says whether a method is of our API, within it or for other services.
func ours(method string) bool { return strings.HasPrefix(method, "/futurisys.") }

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

func took(start time.Time) slog.Attr { return slog.Duration("duration", time.Since(start)) }

// contextStream is a stream with a context of its own.
type contextStream struct {
	grpc.ServerStream

	ctx context.Context //nolint:containedctx // a ServerStream has one
}

// Context is the call's context.
func (s *contextStream) Context() context.Context { return s.ctx }
