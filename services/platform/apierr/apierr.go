// Package apierr is the one place where an error becomes what a caller sees: a
// gRPC status with the details of google.rpc.
package apierr

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/futurisys/futurisys/proto/catalogue"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// Domain is the domain of every ErrorInfo.
const Domain = "futurisys"

// Keys of the metadata of an ErrorInfo.
const (
	// ServiceKey names the service that is unavailable, where it is another one than that
	// which answers.
	ServiceKey = "service"
	// ResourceKey names what is unavailable, or what changed.
	ResourceKey = "resource"
)

// Error is an error with all that the caller must know. It carries no SQL, no
// path, no stack and no personal datum.
type Error struct {
	Reason futurisysv1.ErrorReason
	// Parameters stand in the reason's sentence, and in the metadata of the ErrorInfo.
	Parameters map[string]string
	Violations []*futurisysv1.Violation
	// RetryAfter tells the caller when trying again may help; 0: it will not.
	RetryAfter time.Duration

	// text stands for the sentence where grpc-go has said it.
	text string
}

// New returns an error. Pairs are the names and values of the parameters that stand in
// the reason's sentence.
func New(reason futurisysv1.ErrorReason, pairs ...any) *Error {
	return &Error{Reason: reason, Parameters: catalogue.Parameters(pairs)}
}

// Invalid returns an error that lists every violation.
func Invalid(reason futurisysv1.ErrorReason, violations ...*futurisysv1.Violation) *Error {
	return &Error{Reason: reason, Violations: violations}
}

// InvalidArgument returns an error about one field of a request; see catalogue.Violation.
func InvalidArgument(reason futurisysv1.ViolationReason, field string, pairs ...any) *Error {
	return Invalid(futurisysv1.ErrorReason_ERROR_REASON_INVALID_ARGUMENT, catalogue.Violation(reason, field, pairs...))
}

// Unavailable returns an error for something that is unavailable for now.
func Unavailable(resource string, retryAfter time.Duration) *Error {
	unavailable := New(futurisysv1.ErrorReason_ERROR_REASON_UNAVAILABLE, ResourceKey, resource)
	unavailable.RetryAfter = retryAfter
	return unavailable
}

// Of names the service that is unavailable.
func (e *Error) Of(service string) *Error {
	e.Parameters[ServiceKey] = service
	return e
}

// Code is the error's code over gRPC.
func (e *Error) Code() codes.Code {
	if code := catalogue.Code(e.Reason); code != nil {
		return codes.Code(code.GetGrpc())
	}
	return codes.Internal
}

// Message is what is wrong, in English: the reason's sentence, and the first violations.
func (e *Error) Message() string {
	message := e.text
	if message == "" {
		message = catalogue.Sentence(catalogue.English, e.Reason, e.Parameters)
	}
	if len(e.Violations) > 0 {
		message += ": " + summarise(e.Violations)
	}
	return message
}

// Error says the reason and the message.
func (e *Error) Error() string { return catalogue.Name(e.Reason) + ": " + e.Message() }

// GRPCStatus makes grpc-go send the error as it is meant.
func (e *Error) GRPCStatus() *status.Status {
	details := []protoadapt.MessageV1{protoadapt.MessageV1Of(&errdetails.ErrorInfo{
		Reason: catalogue.Name(e.Reason), Domain: Domain, Metadata: maps.Clone(e.Parameters),
	})}
	if len(e.Violations) > 0 {
		bad := &errdetails.BadRequest{}
		for _, v := range e.Violations {
			bad.FieldViolations = append(bad.FieldViolations, &errdetails.BadRequest_FieldViolation{
				Field: v.GetField(), Description: v.GetMessage(), Reason: catalogue.Name(v.GetReason()),
			})
		}
		details = append(details, protoadapt.MessageV1Of(bad), protoadapt.MessageV1Of(&futurisysv1.Violations{Violations: e.Violations}))
	}
	if e.RetryAfter > 0 {
		details = append(details, protoadapt.MessageV1Of(
			&errdetails.RetryInfo{RetryDelay: durationpb.New(e.RetryAfter)}))
	}
	plain := status.New(e.Code(), e.Message())
	full, err := plain.WithDetails(details...)
	if err != nil {
		return plain
	}
	return full
}

// Hide returns what a caller may see of any error: an *Error or a status with
// details as it is, the end of the caller's time as such, a bare status with our
// details, and nothing of all else. The second result is true when the error is
// a fault of ours that the log must keep.
func Hide(err error) (error, bool) {
	if known, ok := errors.AsType[*Error](err); ok {
		return known, known.Code() == codes.Internal
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return New(futurisysv1.ErrorReason_ERROR_REASON_DEADLINE_EXCEEDED), false
	}
	if errors.Is(err, context.Canceled) {
		return New(futurisysv1.ErrorReason_ERROR_REASON_CANCELLED), false
	}
	s, ok := status.FromError(err)
	if ok && len(s.Details()) > 0 {
		return err, s.Code() == codes.Internal
	}
	return fromStatus(s)
}

// fromStatus gives a bare status (of grpc-go itself, or of a peer that is not
// ours) the details that ours have.
func fromStatus(s *status.Status) (error, bool) {
	switch s.Code() {
	case codes.Unavailable:
		return Unavailable("a service that the call needs", time.Second), false
	case codes.DeadlineExceeded:
		return New(futurisysv1.ErrorReason_ERROR_REASON_DEADLINE_EXCEEDED), false
	case codes.Canceled:
		return New(futurisysv1.ErrorReason_ERROR_REASON_CANCELLED), false
	case codes.InvalidArgument:
		return &Error{Reason: futurisysv1.ErrorReason_ERROR_REASON_INVALID_ARGUMENT, text: s.Message()}, false
	case codes.ResourceExhausted:
		return &Error{Reason: futurisysv1.ErrorReason_ERROR_REASON_TOO_LARGE, text: s.Message()}, false
	default:
		return New(futurisysv1.ErrorReason_ERROR_REASON_INTERNAL), true
	}
}

// WithRequestID adds to an error which request it is about, unless it says so already; "":
// it is not known.
func WithRequestID(err error, id string) error {
	s := status.Convert(err)
	for _, detail := range s.Proto().GetDetails() {
		if detail.MessageIs((*errdetails.RequestInfo)(nil)) {
			return err
		}
	}
	full, failed := s.WithDetails(protoadapt.MessageV1Of(&errdetails.RequestInfo{RequestId: id}))
	if id == "" || failed != nil {
		return err
	}
	return full.Err()
}

// ReasonOf is the reason in the details of an error; 0: it has none of ours.
func ReasonOf(err error) futurisysv1.ErrorReason {
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok && info.GetDomain() == Domain {
			reason, _ := catalogue.Error(info.GetReason())
			return reason
		}
	}
	return futurisysv1.ErrorReason_ERROR_REASON_UNSPECIFIED
}

// summarise puts up to three violations into one sentence, for those who read
// only the message.
func summarise(violations []*futurisysv1.Violation) string {
	const listed = 3
	parts := make([]string, 0, listed+1)
	for i, v := range violations {
		if i == listed {
			parts = append(parts, fmt.Sprintf("and %d more", len(violations)-listed))
			break
		}
		parts = append(parts, strings.TrimPrefix(v.GetField()+": "+v.GetMessage(), ": "))
	}
	return strings.Join(parts, "; ")
}
