package grpcserver

import (
	"context"
	"fmt"

	"buf.build/go/protovalidate"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/futurisys/futurisys/services/platform/apierr"
	"github.com/futurisys/futurisys/services/platform/rules"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// checks holds every request to the rules in its proto.
type checks struct {
	validator protovalidate.Validator
	codec     *boundedCodec
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
	return invalid(c.validator.Validate(message))
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
	if err := s.checks.codec.problem(message); err != nil {
		return err
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
