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

	"github.com/futurisys/futurisys/proto/catalogue"
	"github.com/futurisys/futurisys/services/platform/apierr"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

func TestErrorCarriesItsDetailsThroughWrapping(t *testing.T) {
	invalid := apierr.Invalid(futurisysv1.ErrorReason_ERROR_REASON_INVALID_PROFILE,
		catalogue.Violation(futurisysv1.ViolationReason_VIOLATION_REASON_REQUIRED, "a"), catalogue.Violation(futurisysv1.ViolationReason_VIOLATION_REASON_TOO_LONG, "b", "max", 5))
	shown, fault := apierr.Hide(fmt.Errorf("while scoring: %w", invalid))
	if fault {
		t.Error("a bad request is not a fault of ours")
	}
	s := status.Convert(shown)
	if s.Code() != codes.InvalidArgument || s.Message() != "the profile is invalid: a: is required; b: must be at most 5 characters long" {
		t.Errorf("got %s %q", s.Code(), s.Message())
	}
	var info *errdetails.ErrorInfo
	var bad *errdetails.BadRequest
	var ours *futurisysv1.Violations
	for _, detail := range s.Details() {
		switch detail := detail.(type) {
		case *errdetails.ErrorInfo:
			info = detail
		case *errdetails.BadRequest:
			bad = detail
		case *futurisysv1.Violations:
			ours = detail
		}
	}
	if info.GetReason() != "INVALID_PROFILE" || info.GetDomain() != "futurisys" || len(bad.GetFieldViolations()) != 2 ||
		bad.GetFieldViolations()[1].GetReason() != "TOO_LONG" || ours.GetViolations()[1].GetParameters()["max"] != "5" {
		t.Errorf("got %v, %v, %v", info, bad, ours)
	}
}

func TestHide(t *testing.T) {
	for name, test := range map[string]struct {
		err    error
		code   codes.Code
		reason string
		fault  bool
	}{
		"unknown":             {errors.New("SELECT secret FROM /var/lib/x"), codes.Internal, "INTERNAL", true},
		"deadline":            {fmt.Errorf("query: %w", context.DeadlineExceeded), codes.DeadlineExceeded, "DEADLINE_EXCEEDED", false},
		"cancelled":           {fmt.Errorf("query: %w", context.Canceled), codes.Canceled, "CANCELLED", false},
		"connection refused":  {status.Error(codes.Unavailable, "dial tcp 10.0.0.7:9002: secret host"), codes.Unavailable, "UNAVAILABLE", false},
		"message too large":   {status.Error(codes.ResourceExhausted, "grpc: received message larger than max"), codes.ResourceExhausted, "TOO_LARGE", false},
		"a peer's panic":      {status.Error(codes.Unknown, "secret"), codes.Internal, "INTERNAL", true},
		"unavailable of ours": {apierr.Unavailable("models", time.Second), codes.Unavailable, "UNAVAILABLE", false},
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
	violations := make([]*futurisysv1.Violation, 30)
	for i := range violations {
		violations[i] = catalogue.Violation(futurisysv1.ViolationReason_VIOLATION_REASON_REQUIRED, fmt.Sprintf("f%d", i))
	}
	invalid := apierr.Invalid(futurisysv1.ErrorReason_ERROR_REASON_INVALID_ARGUMENT, violations...)
	if !strings.HasSuffix(invalid.Message(), "and 27 more") || len(invalid.Violations) != 30 {
		t.Errorf("got %q with %d violations", invalid.Message(), len(invalid.Violations))
	}
}

func TestAnErrorNamesItsRequestOnce(t *testing.T) {
	named := func(err error) (ids []string) {
		for _, detail := range status.Convert(err).Details() {
			if info, ok := detail.(*errdetails.RequestInfo); ok {
				ids = append(ids, info.GetRequestId())
			}
		}
		return ids
	}
	first := apierr.WithRequestID(apierr.New(futurisysv1.ErrorReason_ERROR_REASON_INTERNAL), "a")
	if got := named(first); len(got) != 1 || got[0] != "a" || apierr.ReasonOf(first) != futurisysv1.ErrorReason_ERROR_REASON_INTERNAL {
		t.Errorf("got %v of %v", got, first)
	}
	if got := named(apierr.WithRequestID(first, "b")); len(got) != 1 || got[0] != "a" {
		t.Errorf("an error of another service is of %v", got)
	}
	if got := named(apierr.WithRequestID(apierr.New(futurisysv1.ErrorReason_ERROR_REASON_INTERNAL), "")); len(got) != 0 {
		t.Errorf("an error of no known request is of %v", got)
	}
}
