// Package jsoncodec reads JSON into protobuf messages by their schema, strictly,
// and says everything that is wrong with it at once, where protojson stops at the
// first thing. It takes what protojson takes, but for numbers in strings.
package jsoncodec

import (
	"errors"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-faster/jx"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/futurisys/futurisys/proto/catalogue"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// Error is all that is wrong with a body, by paths of JSON names.
type Error struct {
	Violations []*futurisysv1.Violation
}

// Error says the first thing that is wrong.
func (e *Error) Error() string {
	return strings.TrimSpace(e.Violations[0].GetField() + " " + e.Violations[0].GetMessage())
}

// maxProblems bounds what is said of one body.
const maxProblems = 1000

// errEnough ends the reading of a body with too many problems.
var errEnough = errors.New("too many problems")

// Decoder reads bodies. It may be used by many goroutines at once; the zero
// value is ready.
type Decoder struct {
	plans plans
}

// Decode reads a JSON object into a message. *Error: it is not one that the
// message takes.
func (d *Decoder) Decode(data []byte, into proto.Message) error {
	if !utf8.Valid(data) {
		return &Error{[]*futurisysv1.Violation{catalogue.Violation(futurisysv1.ViolationReason_VIOLATION_REASON_NOT_UTF8, "")}}
	}
	if halfSurrogate(data) {
		return &Error{[]*futurisysv1.Violation{catalogue.Violation(futurisysv1.ViolationReason_VIOLATION_REASON_MALFORMED, "", "cause", "half of a surrogate pair")}}
	}
	r := &reading{source: jx.DecodeBytes(data)}
	message := into.ProtoReflect()
	err := r.object(message, d.plans.of(message.Descriptor()))
	if err == nil && !errors.Is(r.source.Skip(), io.EOF) {
		err = errors.New("something follows it")
	}
	if err != nil && !errors.Is(err, errEnough) {
		r.path = nil
		r.problem(futurisysv1.ViolationReason_VIOLATION_REASON_MALFORMED, "cause", innermost(err))
	}
	if len(r.violations) > 0 {
		return &Error{r.violations}
	}
	return nil
}

// innermost is what is wrong with the JSON itself: each level around it says where it was
// read, which of a deep body is more than anybody wants.
func innermost(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}

// reading is the reading of one body. Its methods return an error only when the
// body is not JSON; what is JSON but not what the message takes is a problem, and
// the reading goes on.
type reading struct {
	source     *jx.Decoder
	path       []step
	violations []*futurisysv1.Violation
}

// step is one part of the path to a value: a field, or a place in a list. Steps
// become text only when there is a problem to tell.
type step struct {
	name  string
	index int // when name is empty
}

func (r *reading) problem(reason futurisysv1.ViolationReason, parameters ...any) {
	var place strings.Builder
	for i, step := range r.path {
		switch {
		case step.name == "":
			place.WriteString("[" + strconv.Itoa(step.index) + "]")
		case i > 0:
			place.WriteString("." + shortName(step.name))
		default:
			place.WriteString(shortName(step.name))
		}
	}
	r.violations = append(r.violations, catalogue.Violation(reason, place.String(), parameters...))
}

// maxName is longer than any field's name.
const maxName = 100

// shortName is a name that may be what a caller made up.
func shortName(name string) string {
	if len(name) <= maxName {
		return name
	}
	return strings.ToValidUTF8(name[:maxName], "") + "…"
}

// skip says what is wrong and steps over the value.
func (r *reading) skip(reason futurisysv1.ViolationReason, parameters ...any) error {
	r.problem(reason, parameters...)
	if len(r.violations) >= maxProblems {
		return errEnough
	}
	return r.source.Skip() //nolint:wrapcheck // what is wrong with the JSON
}

// wrongType says what the value must be and steps over it.
func (r *reading) wrongType(expected string) error {
	return r.skip(futurisysv1.ViolationReason_VIOLATION_REASON_WRONG_TYPE, "expected", expected)
}

// within reads a value at a further step of the path.
func (r *reading) within(next step, read func() error) error {
	r.path = append(r.path, next)
	err := read()
	r.path = r.path[:len(r.path)-1]
	return err
}

func (r *reading) object(message protoreflect.Message, plan *plan) error {
	if r.source.Next() != jx.Object {
		return r.wrongType("an object")
	}
	seen := make([]bool, plan.count)
	return r.source.ObjBytes(func(_ *jx.Decoder, key []byte) error { //nolint:wrapcheck // what is wrong with the JSON
		field, known := plan.fields[string(key)]
		if !known {
			return r.within(step{name: string(key)}, func() error { return r.skip(futurisysv1.ViolationReason_VIOLATION_REASON_UNKNOWN_FIELD) })
		}
		return r.within(step{name: field.name}, func() error {
			if seen[field.index] {
				return r.skip(futurisysv1.ViolationReason_VIOLATION_REASON_REPEATED)
			}
			seen[field.index] = true
			return r.field(message, field)
		})
	})
}

func (r *reading) field(message protoreflect.Message, field *fieldPlan) error {
	if r.source.Next() == jx.Null { // as protojson: as if it were not there
		return r.source.Null() //nolint:wrapcheck // what is wrong with the JSON
	}
	switch {
	case field.descriptor.IsList():
		return r.list(message, field)
	case field.descriptor.IsMap():
		return r.entries(message.Mutable(field.descriptor).Map(), field)
	}
	if oneof := field.descriptor.ContainingOneof(); oneof != nil && !oneof.IsSynthetic() && message.WhichOneof(oneof) != nil {
		return r.skip(futurisysv1.ViolationReason_VIOLATION_REASON_EXCLUDED, "other", message.WhichOneof(oneof).JSONName())
	}
	if field.descriptor.Message() != nil {
		return r.message(message.Mutable(field.descriptor).Message(), field)
	}
	value, ok, err := r.scalar(field)
	if err == nil && ok {
		message.Set(field.descriptor, value)
	}
	return err
}

func (r *reading) list(message protoreflect.Message, field *fieldPlan) error {
	if r.source.Next() != jx.Array {
		return r.wrongType("an array")
	}
	list := message.Mutable(field.descriptor).List()
	index := -1
	return r.source.Arr(func(*jx.Decoder) error { //nolint:wrapcheck // what is wrong with the JSON
		index++
		if field.maxItems > 0 && index == field.maxItems { // what comes after would be read for nothing
			r.problem(futurisysv1.ViolationReason_VIOLATION_REASON_TOO_MANY_ITEMS, "max", field.maxItems)
			return errEnough
		}
		return r.within(step{index: index}, func() error {
			if field.descriptor.Message() != nil {
				return r.message(list.AppendMutable().Message(), field)
			}
			value, ok, err := r.scalar(field)
			if err == nil && ok {
				list.Append(value)
			}
			return err
		})
	})
}

// entries reads a map, whose keys JSON has as texts.
func (r *reading) entries(into protoreflect.Map, field *fieldPlan) error {
	if r.source.Next() != jx.Object {
		return r.wrongType("an object")
	}
	return r.source.ObjBytes(func(_ *jx.Decoder, name []byte) error { //nolint:wrapcheck // what is wrong with the JSON
		return r.within(step{name: string(name)}, func() error {
			key, ok := mapKey(field.descriptor.MapKey(), string(name))
			switch {
			case !ok:
				return r.wrongType("an integer or a boolean as the key")
			case into.Has(key):
				return r.skip(futurisysv1.ViolationReason_VIOLATION_REASON_REPEATED)
			case field.value.descriptor.Message() != nil:
				return r.message(into.Mutable(key).Message(), field.value)
			}
			value, ok, err := r.scalar(field.value)
			if err == nil && ok {
				into.Set(key, value)
			}
			return err
		})
	})
}

func (r *reading) message(into protoreflect.Message, field *fieldPlan) error {
	if !field.wellKnown {
		return r.object(into, field.message)
	}
	raw, err := r.source.Raw()
	if err != nil {
		return err //nolint:wrapcheck // what is wrong with the JSON
	}
	if err := protojson.Unmarshal(raw, into.Interface()); err != nil {
		r.problem(futurisysv1.ViolationReason_VIOLATION_REASON_WRONG_TYPE, "expected", "a "+strings.ToLower(string(field.descriptor.Message().Name())))
	}
	return nil
}
