package apierr_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/futurisys/futurisys/services/platform/apierr"
)

type reason string

func (r reason) String() string { return string(r) }

func TestErrorCarriesItsDetailsThroughWrapping(t *testing.T) {
	invalid := apierr.Invalid(reason("ERROR_REASON_INVALID_PROFILE"), []apierr.Violation{{"a", "is wrong"}, {"b", "too"}})
	shown, fault := apierr.Hide(fmt.Errorf("while scoring: %w", invalid))
	if fault {
		t.Error("a bad request is not a fault of ours")
	}
	s := status.Convert(shown)
	if s.Code() != codes.InvalidArgument || s.Message() != "a: is wrong; b: too" {
		t.Errorf("got %s %q", s.Code(), s.Message())
	}
	var info *errdetails.ErrorInfo
	var bad *errdetails.BadRequest
	for _, detail := range s.Details() {
		switch detail := detail.(type) {
		case *errdetails.ErrorInfo:
			info = detail
		case *errdetails.BadRequest:
			bad = detail
		}
	}
	if info.GetReason() != "INVALID_PROFILE" || info.GetDomain() != "futurisys" || len(bad.GetFieldViolations()) != 2 {
		t.Errorf("got %v, %v", info, bad)
	}
}

func TestHide(t *testing.T) {
	for name, test := range map[string]struct {
		err    error
		code   codes.Code
		reason string
		fault  bool
	}{
		"unknown":             {errors.New("SELECT secret FROM /var/lib/x"), codes.Internal, apierr.ReasonInternal, true},
		"deadline":            {fmt.Errorf("query: %w", context.DeadlineExceeded), codes.DeadlineExceeded, apierr.ReasonDeadlineExceeded, false},
		"cancelled":           {fmt.Errorf("query: %w", context.Canceled), codes.Canceled, apierr.ReasonCancelled, false},
		"connection refused":  {status.Error(codes.Unavailable, "dial tcp 10.0.0.7:9002: secret host"), codes.Unavailable, apierr.ReasonUnavailable, false},
		"message too large":   {status.Error(codes.ResourceExhausted, "grpc: received message larger than max"), codes.ResourceExhausted, apierr.ReasonTooLarge, false},
		"a peer's panic":      {status.Error(codes.Unknown, "secret"), codes.Internal, apierr.ReasonInternal, true},
		"unavailable of ours": {apierr.Unavailable(time.Second, "away"), codes.Unavailable, apierr.ReasonUnavailable, false},
	} {
		shown, fault := apierr.Hide(test.err)
		s := status.Convert(shown)
		if s.Code() != test.code || fault != test.fault || strings.Contains(s.Message(), "secret") {
			t.Errorf("%s: got %s %q, fault %v", name, s.Code(), s.Message(), fault)
		}
		info, ok := s.Details()[0].(*errdetails.ErrorInfo)
		if !ok || info.GetReason() != test.reason {
			t.Errorf("%s: got reason %v, want %s", name, s.Details(), test.reason)
		}
	}
}

func TestLongListsAreCutInTheMessageOnly(t *testing.T) {
	violations := make([]apierr.Violation, 30)
	for i := range violations {
		violations[i] = apierr.Violation{Field: fmt.Sprintf("f%d", i), Description: "is wrong"}
	}
	invalid := apierr.Invalid(reason("X"), violations)
	if !strings.HasSuffix(invalid.Message, "and 27 more") || len(invalid.Violations) != 30 {
		t.Errorf("got %q with %d violations", invalid.Message, len(invalid.Violations))
	}
}
