package grpcserver

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"

	"buf.build/go/protovalidate"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/futurisys/futurisys/services/platform/apierr"
)

// guard turns panics and unknown errors into what a caller may see, and logs
// the faults that are ours.
type guard struct {
	log      *slog.Logger
	mapError func(error) error
}

func (g guard) unary(ctx context.Context, request any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (answer any, err error) {
	defer func() { err = g.finish(ctx, info.FullMethod, recover(), err) }()
	return next(ctx, request)
}

func (g guard) stream(service any, stream grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) (err error) {
	defer func() { err = g.finish(stream.Context(), info.FullMethod, recover(), err) }()
	return next(service, stream)
}

func (g guard) finish(ctx context.Context, method string, panicked any, err error) error {
	if panicked != nil {
		err = fmt.Errorf("panic: %v\n%s", panicked, debug.Stack())
	}
	if err == nil {
		return nil
	}
	if g.mapError != nil {
		err = g.mapError(err)
	}
	shown, fault := apierr.Hide(err)
	if fault {
		g.log.ErrorContext(ctx, "call failed", "method", method, "error", err)
	} else {
		g.log.DebugContext(ctx, "call refused", "method", method, "error", shown)
	}
	return shown
}

// checks holds every request to the rules in its proto.
type checks struct {
	validator protovalidate.Validator
}

func (c *checks) unary(ctx context.Context, request any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	if err := c.check(request); err != nil {
		return nil, err
	}
	return next(ctx, request)
}

func (c *checks) stream(service any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, next grpc.StreamHandler) error {
	return next(service, &checkedStream{ServerStream: stream, checks: c})
}

func (c *checks) check(request any) error {
	message, ok := request.(proto.Message)
	if !ok {
		return nil
	}
	return Invalid(c.validator.Validate(message))
}

type checkedStream struct {
	grpc.ServerStream

	checks *checks
}

// RecvMsg refuses a message that breaks its rules.
func (s *checkedStream) RecvMsg(message any) error {
	if err := s.ServerStream.RecvMsg(message); err != nil {
		return err //nolint:wrapcheck // io.EOF and statuses must stay what they are
	}
	return s.checks.check(message)
}
