// Package apierr is the one place where an error becomes what a caller sees: a
// gRPC status with the details of google.rpc.
package apierr

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"
)

// Domain is the domain of every ErrorInfo.
const Domain = "futurisys"

// Reasons that the plumbing itself gives; the API's enum has them too.
const (
	ReasonInvalidArgument  = "INVALID_ARGUMENT"
	ReasonDeadlineExceeded = "DEADLINE_EXCEEDED"
	ReasonCancelled        = "CANCELLED"
	ReasonUnavailable      = "UNAVAILABLE"
	ReasonTooLarge         = "TOO_LARGE"
	ReasonInternal         = "INTERNAL"
)

// ServiceKey is the key of Error.Service in the metadata of an ErrorInfo.
const ServiceKey = "service"

// enumPrefix stands before every value of the API's enum of reasons.
const enumPrefix = "ERROR_REASON_"

// Violation says what is wrong with one field of a request. Field is a path of
// proto names, such as profile.age or employee_ids[3].
type Violation struct {
	Field       string
	Description string
}

// Error is an error with all that the caller must know. It carries no SQL, no
// path, no stack and no personal datum.
type Error struct {
	Code       codes.Code
	Reason     string
	Message    string
	Violations []Violation
	// Service is the service that is unavailable, where it is another one than that which
	// answers; "": it is that one.
	Service string
	// RetryAfter tells the caller when trying again may help; 0: it will not.
	RetryAfter time.Duration
}

// New returns an error with a reason of the API's enum.
func New(code codes.Code, reason fmt.Stringer, format string, args ...any) *Error {
	return &Error{
		Code:    code,
		Reason:  strings.TrimPrefix(reason.String(), enumPrefix),
		Message: fmt.Sprintf(format, args...),
	}
}

// Invalid returns an InvalidArgument error that lists every violation.
func Invalid(reason fmt.Stringer, violations []Violation) *Error {
	invalid := New(codes.InvalidArgument, reason, "%s", summarise(violations))
	invalid.Violations = violations
	return invalid
}

// Unavailable returns an error for something that is away for now.
func Unavailable(retryAfter time.Duration, format string, args ...any) *Error {
	return &Error{
		Code:       codes.Unavailable,
		Reason:     ReasonUnavailable,
		Message:    fmt.Sprintf(format, args...),
		RetryAfter: retryAfter,
	}
}

// Error says the message and the reason.
func (e *Error) Error() string { return e.Reason + ": " + e.Message }

// GRPCStatus makes grpc-go send the error as it is meant.
func (e *Error) GRPCStatus() *status.Status {
	info := &errdetails.ErrorInfo{Reason: e.Reason, Domain: Domain}
	if e.Service != "" {
		info.Metadata = map[string]string{ServiceKey: e.Service}
	}
	details := []protoadapt.MessageV1{protoadapt.MessageV1Of(info)}
	if len(e.Violations) > 0 {
		bad := &errdetails.BadRequest{}
		for _, v := range e.Violations {
			bad.FieldViolations = append(bad.FieldViolations, &errdetails.BadRequest_FieldViolation{
				Field: v.Field, Description: v.Description,
			})
		}
		details = append(details, protoadapt.MessageV1Of(bad))
	}
	if e.RetryAfter > 0 {
		details = append(details, protoadapt.MessageV1Of(
			&errdetails.RetryInfo{RetryDelay: durationpb.New(e.RetryAfter)}))
	}
	plain := status.New(e.Code, e.Message)
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
		return known, known.Code == codes.Internal
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return &Error{Code: codes.DeadlineExceeded, Reason: ReasonDeadlineExceeded, Message: "the time for this call is over"}, false
	}
	if errors.Is(err, context.Canceled) {
		return &Error{Code: codes.Canceled, Reason: ReasonCancelled, Message: "the caller went away"}, false
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
	bare := &Error{Code: s.Code(), Message: s.Message()}
	switch s.Code() {
	case codes.Unavailable:
		bare.Reason, bare.RetryAfter = ReasonUnavailable, time.Second
		bare.Message = "a service that this call needs is away; try again"
	case codes.DeadlineExceeded:
		bare.Reason = ReasonDeadlineExceeded
	case codes.Canceled:
		bare.Reason = ReasonCancelled
	case codes.InvalidArgument:
		bare.Reason = ReasonInvalidArgument
	case codes.ResourceExhausted:
		bare.Reason = ReasonTooLarge
	default:
		return &Error{Code: codes.Internal, Reason: ReasonInternal, Message: "a fault of the service; its log says more"}, true
	}
	return bare, false
}

// summarise puts up to three violations into one sentence, for those who read
// only the message.
func summarise(violations []Violation) string {
	const shown = 3
	parts := make([]string, 0, shown+1)
	for i, v := range violations {
		if i == shown {
			parts = append(parts, fmt.Sprintf("and %d more", len(violations)-shown))
			break
		}
		parts = append(parts, strings.TrimSpace(v.Field+": "+v.Description))
	}
	return strings.Join(parts, "; ")
}
