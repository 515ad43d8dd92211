package mux

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/futurisys/futurisys/gateway/internal/jsoncodec"
	"github.com/futurisys/futurisys/gateway/internal/middleware"
	"github.com/futurisys/futurisys/gateway/internal/routes"
	"github.com/futurisys/futurisys/proto/catalogue"
	"github.com/futurisys/futurisys/services/platform/apierr"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// checkRequest refuses what is wrong with a request's path and query before grpc-gateway
// reads them: it says the first thing only, in words, and passes over a parameter that
// there is not. A misspelt filter would be a silent wrong answer. What is wrong with the
// body it lets errorHandler know.
func (m routing) checkRequest(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		route, ok := m.table.Find(r)
		if !ok || route.Method == nil {
			next.ServeHTTP(w, r)
			return
		}
		query := r.URL.Query()
		violations := append(pathViolations(route, r.URL.EscapedPath()), queryViolations(route, query)...)
		if len(violations) > 0 {
			WriteError(w, apierr.Invalid(futurisysv1.ErrorReason_ERROR_REASON_INVALID_ARGUMENT, violations...))
			return
		}
		if respellTimes(route, query) {
			r.URL.RawQuery = query.Encode()
		}
		if route.Body != "" {
			r.Body = &requestBody{ReadCloser: r.Body, length: r.ContentLength, route: route, path: r.URL.EscapedPath()}
		}
		if route.Body != "" && route.Body != "*" {
			// grpc-gateway reads such a body twice, from a copy.
			if err := m.readBody(r, route); err != nil {
				WriteError(w, err)
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// requestBody is a body, and what is wrong with it: grpc-gateway's generated code keeps
// only the text of an error.
type requestBody struct {
	io.ReadCloser

	length int64 // -1: it is not known
	route  routes.Route
	path   string
	err    error
}

// contradicts says where a body that was read has another value than the path, which
// grpc-gateway would put in its place without a word.
func (b *requestBody) contradicts(message protoreflect.Message) error {
	var violations []*futurisysv1.Violation
	for name, inPath := range b.route.Parameters(b.path) {
		field := name
		if b.route.Body != "*" {
			var within bool
			if field, within = strings.CutPrefix(name, b.route.Body+"."); !within {
				continue
			}
		}
		descriptor := message.Descriptor().Fields().ByName(protoreflect.Name(field))
		if descriptor == nil || !message.Has(descriptor) {
			continue
		}
		if inBody := message.Get(descriptor).String(); inBody != inPath {
			violations = append(violations, catalogue.Violation(futurisysv1.ViolationReason_VIOLATION_REASON_CONTRADICTS_PATH, name, "body", inBody, "path", inPath))
		}
	}
	if len(violations) > 0 {
		return apierr.Invalid(futurisysv1.ErrorReason_ERROR_REASON_INVALID_ARGUMENT, violations...)
	}
	return nil
}

// readAll reads a body to its end.
func readAll(body io.Reader) ([]byte, error) {
	var data bytes.Buffer
	if known, ok := body.(*requestBody); ok && known.length > 0 {
		data.Grow(int(known.length) + bytes.MinRead) // growing on the way takes five times as much; admission has counted it
	}
	if _, err := data.ReadFrom(body); err != nil {
		return nil, readError(err)
	}
	return data.Bytes(), nil
}

// bodyError is what was wrong with a request's body; nil: nothing.
func bodyError(r *http.Request) error {
	if body, ok := r.Body.(*requestBody); ok {
		return body.err
	}
	return nil
}

// readBody tries whether a body is the field of the request that it should be.
func (m routing) readBody(r *http.Request, route routes.Route) error {
	data, err := readAll(r.Body)
	if err != nil {
		return err
	}
	field := route.Method.Input().Fields().ByName(protoreflect.Name(route.Body))
	message := dynamicpb.NewMessage(field.Message())
	if err := decodeBody(m.decoder, data, message); err != nil {
		return err
	}
	if noted, ok := r.Body.(*requestBody); ok {
		if err := noted.contradicts(message); err != nil {
			return err
		}
	}
	r.Body = &requestBody{ReadCloser: io.NopCloser(bytes.NewReader(data)), length: int64(len(data))}
	return nil
}

// readError says why a body could not be read to its end.
func readError(err error) error {
	if unread := middleware.Unread(err); unread != nil {
		return unread
	}
	return apierr.InvalidArgument(futurisysv1.ViolationReason_VIOLATION_REASON_MALFORMED, "", "cause", err)
}

// pathViolations are the parameters of a path that are not what their fields take.
func pathViolations(route routes.Route, path string) []*futurisysv1.Violation {
	var violations []*futurisysv1.Violation
	for name, value := range route.Parameters(path) {
		field := fieldOf(route.Method.Input(), name)
		if field == nil || field.Kind() != protoreflect.Int32Kind {
			continue
		}
		_, err := strconv.ParseInt(value, 10, 32)
		switch {
		case errors.Is(err, strconv.ErrRange):
			violations = append(violations, catalogue.Violation(
				futurisysv1.ViolationReason_VIOLATION_REASON_OUT_OF_RANGE, name, "min", 1, "max", math.MaxInt32))
		case err != nil:
			violations = append(violations, catalogue.Violation(futurisysv1.ViolationReason_VIOLATION_REASON_WRONG_TYPE, name, "expected", "an integer"))
		}
	}
	return violations
}

// queryViolations are the parameters of a query that the request does not have, or not so.
func queryViolations(route routes.Route, values url.Values) []*futurisysv1.Violation {
	var violations []*futurisysv1.Violation
	wrong := func(reason futurisysv1.ViolationReason, name string, parameters ...any) {
		violations = append(violations, catalogue.Violation(reason, name, parameters...))
	}
	given := map[protoreflect.FullName]bool{} // pageSize and page_size are one
	for _, name := range slices.Sorted(maps.Keys(values)) {
		field := fieldOf(route.Method.Input(), name)
		twice := field != nil && given[field.FullName()]
		if field != nil {
			given[field.FullName()] = true
		}
		switch {
		case route.Body == "*" || field == nil || route.Binds(string(field.Name())):
			wrong(futurisysv1.ViolationReason_VIOLATION_REASON_UNKNOWN_PARAMETER, name)
		case (twice || len(values[name]) > 1) && !field.IsList():
			wrong(futurisysv1.ViolationReason_VIOLATION_REASON_REPEATED, name)
		default:
			for _, value := range values[name] {
				if reason, parameters := jsoncodec.Text(field, value); reason != 0 {
					wrong(reason, name, parameters...)
				} else if path := answeredPath(route, field, value); path != "" {
					wrong(futurisysv1.ViolationReason_VIOLATION_REASON_NOT_UPDATABLE, name, "path", path)
				}
			}
		}
	}
	return violations
}

// answeredPath is the first path of a mask that only the service says, and a caller cannot
// change; "": there is none, or it is no mask. Without a mask such fields are passed over, so
// that what was read can be written back.
func answeredPath(route routes.Route, mask protoreflect.FieldDescriptor, text string) string {
	body := fieldOf(route.Method.Input(), route.Body)
	if mask.Message() == nil || mask.Message().FullName() != "google.protobuf.FieldMask" || body == nil || body.Message() == nil {
		return ""
	}
	for path := range strings.SplitSeq(text, ",") {
		first, _, _ := strings.Cut(path, ".")
		field := fieldOf(body.Message(), first)
		if field == nil {
			continue
		}
		behaviour, _ := proto.GetExtension(field.Options(), annotations.E_FieldBehavior).([]annotations.FieldBehavior)
		if slices.Contains(behaviour, annotations.FieldBehavior_OUTPUT_ONLY) {
			return path
		}
	}
	return ""
}

// respellTimes writes the times of a query as grpc-gateway takes them, and says whether any
// was written in another way.
func respellTimes(route routes.Route, values url.Values) bool {
	other := false
	for name, texts := range values {
		field := fieldOf(route.Method.Input(), name)
		if field == nil || field.Message() == nil || field.Message().FullName() != "google.protobuf.Timestamp" {
			continue
		}
		for i, text := range texts {
			if at, err := jsoncodec.Time(text); err == nil {
				texts[i] = at.Format(time.RFC3339Nano)
				other = other || texts[i] != text
			}
		}
	}
	return other
}

// fieldOf is the field that a dotted parameter name leads to; nil: there is none.
func fieldOf(message protoreflect.MessageDescriptor, name string) protoreflect.FieldDescriptor {
	first, rest, nested := strings.Cut(name, ".")
	field := message.Fields().ByJSONName(first)
	if field == nil {
		field = message.Fields().ByName(protoreflect.Name(first))
	}
	if field == nil || !nested {
		return field
	}
	if field.Message() == nil {
		return nil
	}
	return fieldOf(field.Message(), rest)
}
