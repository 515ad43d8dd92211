package grpcserver

import (
	"errors"
	"fmt"

	"buf.build/go/protovalidate"

	"github.com/futurisys/futurisys/services/platform/apierr"
)

// Invalid turns what protovalidate found into an error that lists it all.
func Invalid(err error) error {
	if err == nil {
		return nil
	}
	violations := Violations(err)
	if len(violations) == 0 {
		return fmt.Errorf("check the request: %w", err)
	}
	return apierr.Invalid(invalidArgument{}, violations)
}

// Violations returns what protovalidate found, by field.
func Violations(err error) []apierr.Violation {
	var found *protovalidate.ValidationError
	if !errors.As(err, &found) {
		return nil
	}
	out := make([]apierr.Violation, 0, len(found.Violations))
	for _, violation := range found.Violations {
		out = append(out, apierr.Violation{
			Field:       protovalidate.FieldPathString(violation.Proto.GetField()),
			Description: violation.Proto.GetMessage(),
		})
	}
	return out
}

type invalidArgument struct{}

// String is the reason's name.
func (invalidArgument) String() string { return apierr.ReasonInvalidArgument }
