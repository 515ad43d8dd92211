package mux_test

import (
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/futurisys/futurisys/gateway/internal/mux"
	"github.com/futurisys/futurisys/proto/catalogue"
	"github.com/futurisys/futurisys/services/platform/apierr"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

func TestErrorsAsHTTP(t *testing.T) {
	for name, test := range map[string]struct {
		err   error
		code  int
		parts []string // of the body
		retry string
	}{
		"unknown fault": {errors.New("dial /var/run/secret"), 500, []string{"INTERNAL"}, ""},
		"bare status of a service that is away": {
			status.Error(codes.Unavailable, "connection refused to 10.0.0.1"), 503, []string{"UNAVAILABLE"}, "1",
		},
		"half a second is a whole one": {apierr.Unavailable("models", 1500*time.Millisecond), 503, []string{"UNAVAILABLE"}, "2"},
		"end of the caller's time":     {status.Error(codes.DeadlineExceeded, "x"), 504, []string{"DEADLINE_EXCEEDED"}, ""},
		"field in proto names": {
			apierr.Invalid(futurisysv1.ErrorReason_ERROR_REASON_INVALID_PROFILE, catalogue.Violation(futurisysv1.ViolationReason_VIOLATION_REASON_TOO_SMALL, "profile.monthly_income", "min", 0)),
			400,
			[]string{`"field":"profile.monthlyIncome"`, "INVALID_PROFILE", `"reason":"TOO_SMALL"`, `"reason":"VIOLATION_REASON_TOO_SMALL","parameters":{"min":"0"}`},
			"",
		},
		"place in a file keeps its name": {
			apierr.Invalid(futurisysv1.ErrorReason_ERROR_REASON_INVALID_IMPORT, catalogue.Violation(futurisysv1.ViolationReason_VIOLATION_REASON_REQUIRED, "extrait_sirh:3:id_employee")),
			400,
			[]string{`"extrait_sirh:3:id_employee"`},
			"",
		},
		"stale etag": {
			apierr.New(futurisysv1.ErrorReason_ERROR_REASON_ETAG_MISMATCH, "resource", "employee 4"), 412, []string{"ETAG_MISMATCH"}, "",
		},
		"wrong state": {
			apierr.New(futurisysv1.ErrorReason_ERROR_REASON_MODEL_VERSION_IN_USE, "cause", "in use"), 409, []string{"MODEL_VERSION_IN_USE"}, "",
		},
	} {
		recorder := httptest.NewRecorder()
		mux.WriteError(recorder, test.err)
		body := strings.ReplaceAll(recorder.Body.String(), ": ", ":")
		if recorder.Code != test.code || recorder.Header().Get("Retry-After") != test.retry ||
			recorder.Header().Get("Content-Type") != "application/json" {
			t.Errorf("%s: got %d, Retry-After %q: %s", name, recorder.Code, recorder.Header().Get("Retry-After"), body)
		}
		for _, part := range append(test.parts, `"domain":"futurisys"`) {
			if !strings.Contains(strings.ReplaceAll(body, ", ", ","), part) {
				t.Errorf("%s: %s is not in %s", name, part, body)
			}
		}
		if strings.Contains(body, "secret") || strings.Contains(body, "10.0.0.1") {
			t.Errorf("%s: what is inside shows: %s", name, body)
		}
	}
}
