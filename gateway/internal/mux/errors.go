package mux

import (
	"context"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/futurisys/futurisys/services/platform/apierr"

	statuspb "google.golang.org/genproto/googleapis/rpc/status"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// WriteError answers with an error as google.rpc.Status in JSON and the fitting
// HTTP code.
func WriteError(w http.ResponseWriter, err error) {
	shown, _ := apierr.Hide(explain(err))
	whole := status.Convert(shown).Proto()
	reason, retry := "", time.Duration(0)
	for _, detail := range whole.GetDetails() {
		message, err := detail.UnmarshalNew()
		if err != nil {
			continue
		}
		switch message := message.(type) {
		case *errdetails.ErrorInfo:
			reason = message.GetReason()
		case *errdetails.RetryInfo:
			retry = message.GetRetryDelay().AsDuration()
		}
	}
	if reason != "INVALID_IMPORT" { // its violations name files and columns, not fields
		nameAsJSON(whole)
	}
	body, err := protojson.MarshalOptions{EmitDefaultValues: true}.Marshal(whole)
	if err != nil {
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if retry > 0 {
		seconds := int((retry + time.Second - 1) / time.Second)
		w.Header().Set("Retry-After", strconv.Itoa(seconds))
	}
	w.WriteHeader(httpCode(codes.Code(whole.GetCode()), reason))
	_, _ = w.Write(body) // a reader that went away needs no answer
}

// httpCode is the HTTP code of an error: by its reason where HTTP knows more
// than gRPC, else by its code.
func httpCode(code codes.Code, reason string) int {
	switch reason {
	case "ETAG_MISMATCH":
		return http.StatusPreconditionFailed
	case apierr.ReasonTooLarge:
		return http.StatusRequestEntityTooLarge
	case "UNSUPPORTED_MEDIA_TYPE":
		return http.StatusUnsupportedMediaType
	case "METHOD_NOT_ALLOWED":
		return http.StatusMethodNotAllowed
	}
	if code == codes.FailedPrecondition { // a wrong state, which grpc-gateway would call 400
		return http.StatusConflict
	}
	return runtime.HTTPStatusFromCode(code)
}

// explain gives the details of ours to the errors that grpc-gateway itself makes
// of a request, for which it has only a text.
func explain(err error) error {
	made := status.Convert(err)
	if made.Code() != codes.InvalidArgument || len(made.Details()) > 0 {
		return err
	}
	if violations, ok := bodyViolations(made.Message()); ok {
		return apierr.Invalid(futurisysv1.ErrorReason_ERROR_REASON_INVALID_ARGUMENT, violations)
	}
	if match := parameterError.FindStringSubmatch(made.Message()); match != nil {
		return apierr.Invalid(futurisysv1.ErrorReason_ERROR_REASON_INVALID_ARGUMENT,
			[]apierr.Violation{{Field: match[1], Description: "cannot be read: " + lastWords(made.Message())}})
	}
	if strings.Contains(made.Message(), "request body too large") {
		return TooLarge()
	}
	return err
}

// TooLarge is the error of a body that is over its limit.
func TooLarge() error {
	return apierr.New(codes.ResourceExhausted, futurisysv1.ErrorReason_ERROR_REASON_TOO_LARGE, "the body is larger than is taken")
}

// parameterError finds the parameter in grpc-gateway's messages about path and query.
var parameterError = regexp.MustCompile(`(?:parameter: |parsing field "|too many values for field ")([A-Za-z_.]+)`)

// lastWords cuts "a: b: c" to c: what strconv and its like say last.
func lastWords(message string) string {
	return message[strings.LastIndex(message, ": ")+1:]
}

// nameAsJSON gives fields their JSON names: services speak of monthly_income,
// and a REST caller wrote monthlyIncome.
func nameAsJSON(whole *statuspb.Status) {
	for _, detail := range whole.GetDetails() {
		bad := &errdetails.BadRequest{}
		if detail.MessageIs(bad) && detail.UnmarshalTo(bad) == nil {
			for _, v := range bad.GetFieldViolations() {
				v.Field = camelCase(v.GetField())
			}
			_ = detail.MarshalFrom(bad) // it was one just now
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
func errorHandler(_ context.Context, _ *runtime.ServeMux, _ runtime.Marshaler, w http.ResponseWriter, _ *http.Request, err error) {
	WriteError(w, err)
}
