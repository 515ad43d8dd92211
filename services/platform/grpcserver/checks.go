package grpcserver

import (
	"context"
	"fmt"
	"sync"
	"time"

	"buf.build/go/protovalidate"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/futurisys/futurisys/services/platform/apierr"
	"github.com/futurisys/futurisys/services/platform/guarded"
	"github.com/futurisys/futurisys/services/platform/rules"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
	"github.com/futurisys/futurisys/proto/policy"
)

// checks holds every request to the rules in its proto.
type checks struct {
	validator protovalidate.Validator
	policies  policy.Policies
	// ending is closed when streams are to end.
	ending  chan struct{}
	endOnce sync.Once
}

// EndStreams ends the streams that have no end of their own: their callers go on with
// another copy of the service.
func (s *Server) EndStreams() { s.checks.endOnce.Do(func() { close(s.checks.ending) }) }

func (c *checks) unary(ctx context.Context, request any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	if err := c.check(request); err != nil {
		return nil, err
	}
	return next(ctx, request)
}

func (c *checks) stream(service any, stream grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) error {
	checked := &checkedStream{ServerStream: stream, checks: c}
	if c.policies[info.FullMethod].GetDeadline() == nil {
		checked.ending = c.ending
	}
	return next(service, checked)
}

func (c *checks) check(request any) error {
	message, ok := request.(proto.Message)
	if !ok {
		return nil
	}
	return invalid(c.validator.Validate(message))
}

type checkedStream struct {
	grpc.ServerStream

	checks *checks
	ending chan struct{} // nil: the stream ends by itself
}

// streamIdle is how long a stream may go without a message from its caller.
const streamIdle = 2 * time.Minute

// RecvMsg refuses a message that breaks its rules, and waits for one no longer than the call
// may take, and than streamIdle: grpc-go waits for as long as the connection lives.
func (s *checkedStream) RecvMsg(message any) error {
	received := make(chan error, 1)
	go func() {
		received <- guarded.Call(func() error { return s.ServerStream.RecvMsg(message) }) //nolint:wrapcheck // see below
	}()
	idle := time.NewTimer(streamIdle)
	defer idle.Stop()
	select {
	case err := <-received:
		if err != nil {
			return err //nolint:wrapcheck // io.EOF and statuses must stay what they are
		}
	case <-s.Context().Done(): // the message must not be used any more
		return s.Context().Err() //nolint:wrapcheck // told apart by who asks
	case <-idle.C:
		return context.DeadlineExceeded
	case <-s.ending:
		return apierr.Unavailable("this copy of the service is stopping", time.Second)
	}
	return s.checks.check(message)
}

// invalid turns what protovalidate found into an error that lists it all.
func invalid(err error) error {
	if err == nil {
		return nil
	}
	violations := rules.Violations(err)
	if len(violations) == 0 {
		return fmt.Errorf("check the request: %w", err)
	}
	return apierr.Invalid(futurisysv1.ErrorReason_ERROR_REASON_INVALID_ARGUMENT, violations...)
}
