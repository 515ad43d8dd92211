package mux

import (
	"cmp"
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/futurisys/futurisys/gateway/internal/middleware"
	"github.com/futurisys/futurisys/services/platform/apierr"
	"github.com/futurisys/futurisys/services/platform/requestid"

	statuspb "google.golang.org/genproto/googleapis/rpc/status"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// WriteError answers with an error as google.rpc.Status in JSON and the fitting
// HTTP code.
func WriteError(w http.ResponseWriter, err error) {
	middleware.NoteError(w, err)
	seen, _ := apierr.Hide(err)
	seen = apierr.WithRequestID(seen, w.Header().Get(requestid.Header))
	answer := status.Convert(seen).Proto()
	retry := time.Duration(0)
	for _, detail := range answer.GetDetails() {
		info := &errdetails.RetryInfo{}
		if detail.MessageIs(info) && detail.UnmarshalTo(info) == nil {
			retry = info.GetRetryDelay().AsDuration()
		}
	}
	if apierr.ReasonOf(seen) != futurisysv1.ErrorReason_ERROR_REASON_INVALID_IMPORT { // its violations name files and columns, not fields
		nameAsJSON(answer)
	}
	body, err := protojson.MarshalOptions{EmitDefaultValues: true}.Marshal(answer)
	if err != nil {
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if retry > 0 {
		seconds := int((retry + time.Second - 1) / time.Second)
		w.Header().Set("Retry-After", strconv.Itoa(seconds))
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(body))) // whole at once, also while a refused body is still taken
	w.WriteHeader(middleware.HTTPCode(seen))
	_, _ = w.Write(body) //nolint:gosec // JSON; a reader that went away needs no answer
}

// nameAsJSON gives fields their JSON names: services speak of monthly_income,
// and a REST caller wrote monthlyIncome.
func nameAsJSON(answer *statuspb.Status) {
	for _, detail := range answer.GetDetails() {
		bad, ours := &errdetails.BadRequest{}, &futurisysv1.Violations{}
		switch {
		case detail.MessageIs(bad) && detail.UnmarshalTo(bad) == nil:
			for _, v := range bad.GetFieldViolations() {
				v.Field = camelCase(v.GetField())
			}
			_ = detail.MarshalFrom(bad) // it was one just now
		case detail.MessageIs(ours) && detail.UnmarshalTo(ours) == nil:
			for _, v := range ours.GetViolations() {
				v.Field = camelCase(v.GetField())
			}
			_ = detail.MarshalFrom(ours) // it was one just now
		}
	}
}

func camelCase(path string) string {
	var out strings.Builder
	upper := false
	for _, r := range path {
		switch {
		case r == '_':
			upper = true
		case upper:
			out.WriteString(strings.ToUpper(string(r)))
			upper = false
		default:
			out.WriteRune(r)
		}
	}
	return out.String()
}

// errorHandler answers for grpc-gateway.
func errorHandler(_ context.Context, _ *runtime.ServeMux, _ runtime.Marshaler, w http.ResponseWriter, r *http.Request, err error) {
	WriteError(w, cmp.Or(bodyError(r), err))
}
