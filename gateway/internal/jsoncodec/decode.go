// Package jsoncodec reads JSON into protobuf messages by their schema, strictly,
// and says everything that is wrong with it at once, where protojson stops at the
// first thing. It takes what protojson takes, but for numbers in strings.
package jsoncodec

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-faster/jx"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Problem says what is wrong with one field. Field is a path of JSON names.
type Problem struct {
	Field       string
	Description string
}

// Error is all that is wrong with a body.
type Error struct {
	Problems []Problem
}

// Error says the first thing that is wrong.
func (e *Error) Error() string {
	return strings.TrimSpace(e.Problems[0].Field + " " + e.Problems[0].Description)
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
		return &Error{[]Problem{{"", "the body is not UTF-8"}}}
	}
	r := &reading{raw: data, source: jx.DecodeBytes(data)}
	message := into.ProtoReflect()
	err := r.object(message, d.plans.of(message.Descriptor()), "")
	if err == nil && r.source.Next() != jx.Invalid {
		err = errors.New("something follows the object")
	}
	if err == nil && len(bytes.TrimSpace(data)) == 0 {
		err = errors.New("it is empty")
	}
	if err != nil && !errors.Is(err, errEnough) {
		r.problem("", "the body is not a JSON object: "+err.Error())
	}
	if len(r.problems) > 0 {
		return &Error{r.problems}
	}
	return nil
}

// reading is the reading of one body. Its methods return an error only when the
// body is not JSON; what is JSON but not what the message takes is a problem, and
// the reading goes on.
type reading struct {
	raw      []byte
	source   *jx.Decoder
	problems []Problem
}

func (r *reading) problem(path, description string) {
	r.problems = append(r.problems, Problem{path, description})
}

// skip says what is wrong and steps over the value.
func (r *reading) skip(path, description string) error {
	r.problem(path, description)
	if len(r.problems) >= maxProblems {
		return errEnough
	}
	return r.source.Skip() //nolint:wrapcheck // what is wrong with the JSON
}

func (r *reading) object(message protoreflect.Message, plan *plan, path string) error {
	if r.source.Next() != jx.Object {
		return r.skip(path, "must be an object")
	}
	seen := map[*fieldPlan]bool{}
	return r.source.Obj(func(_ *jx.Decoder, key string) error { //nolint:wrapcheck // what is wrong with the JSON
		place := key
		if path != "" {
			place = path + "." + key
		}
		field, known := plan.fields[key]
		if !known {
			return r.skip(place, "unknown field")
		}
		if seen[field] {
			return r.skip(place, "stands twice")
		}
		seen[field] = true
		return r.field(message, field, place)
	})
}

func (r *reading) field(message protoreflect.Message, field *fieldPlan, path string) error {
	if r.source.Next() == jx.Null { // as protojson: as if it were not there
		return r.source.Null() //nolint:wrapcheck // what is wrong with the JSON
	}
	switch {
	case field.descriptor.IsList():
		return r.list(message, field, path)
	case field.descriptor.IsMap():
		return r.skip(path, "cannot be set")
	}
	if oneof := field.descriptor.ContainingOneof(); oneof != nil && !oneof.IsSynthetic() && message.WhichOneof(oneof) != nil {
		return r.skip(path, "excludes "+message.WhichOneof(oneof).JSONName())
	}
	if field.descriptor.Message() != nil {
		return r.message(message.Mutable(field.descriptor).Message(), field, path)
	}
	value, ok, err := r.scalar(field, path)
	if err == nil && ok {
		message.Set(field.descriptor, value)
	}
	return err
}

func (r *reading) list(message protoreflect.Message, field *fieldPlan, path string) error {
	if r.source.Next() != jx.Array {
		return r.skip(path, "must be a list")
	}
	list := message.Mutable(field.descriptor).List()
	index := 0
	return r.source.Arr(func(*jx.Decoder) error { //nolint:wrapcheck // what is wrong with the JSON
		place := path + "[" + strconv.Itoa(index) + "]"
		index++
		if field.descriptor.Message() != nil {
			return r.message(list.AppendMutable().Message(), field, place)
		}
		value, ok, err := r.scalar(field, place)
		if err == nil && ok {
			list.Append(value)
		}
		return err
	})
}

func (r *reading) message(into protoreflect.Message, field *fieldPlan, path string) error {
	if !field.wellKnown {
		return r.object(into, field.message, path)
	}
	raw, err := r.source.Raw()
	if err != nil {
		return err //nolint:wrapcheck // what is wrong with the JSON
	}
	if err := protojson.Unmarshal(raw, into.Interface()); err != nil {
		r.problem(path, "must be a "+strings.ToLower(string(field.descriptor.Message().Name())))
	}
	return nil
}

// scalar reads one value; false: it is not what the field takes, and that is said.
func (r *reading) scalar(field *fieldPlan, path string) (protoreflect.Value, bool, error) {
	none := protoreflect.Value{}
	switch kind := field.descriptor.Kind(); kind {
	case protoreflect.Int32Kind:
		if r.source.Next() != jx.Number {
			return none, false, r.skip(path, "must be a whole number")
		}
		number, err := r.source.Num()
		if err != nil {
			return none, false, err //nolint:wrapcheck // what is wrong with the JSON
		}
		value, problem := whole(number.String())
		if problem != "" {
			r.problem(path, problem)
		}
		return protoreflect.ValueOfInt32(value), problem == "", nil
	case protoreflect.DoubleKind:
		if r.source.Next() != jx.Number {
			return none, false, r.skip(path, "must be a number")
		}
		value, err := r.source.Float64()
		return protoreflect.ValueOfFloat64(value), true, err //nolint:wrapcheck // what is wrong with the JSON
	case protoreflect.BoolKind:
		if r.source.Next() != jx.Bool {
			return none, false, r.skip(path, "must be true or false")
		}
		value, err := r.source.Bool()
		return protoreflect.ValueOfBool(value), true, err //nolint:wrapcheck // what is wrong with the JSON
	case protoreflect.StringKind:
		if r.source.Next() != jx.String {
			return none, false, r.skip(path, "must be a text")
		}
		value, err := r.source.Str()
		if err == nil && strings.ContainsRune(value, utf8.RuneError) && !bytes.ContainsRune(r.raw, utf8.RuneError) {
			r.problem(path, "holds half of a surrogate pair")
			return none, false, nil
		}
		return protoreflect.ValueOfString(value), true, err //nolint:wrapcheck // what is wrong with the JSON
	default:
		return none, false, fmt.Errorf("field %s is of kind %s, which no request of ours has", path, kind)
	}
}

// whole reads an int32. 30.0 and 3e1 are whole numbers to JSON too.
func whole(text string) (int32, string) {
	if value, err := strconv.ParseInt(text, 10, 32); err == nil {
		return int32(value), ""
	}
	value, err := strconv.ParseFloat(text, 64)
	switch {
	case err == nil && value != math.Trunc(value):
		return 0, "must be a whole number"
	case err != nil || value < math.MinInt32 || value > math.MaxInt32:
		return 0, "must be from -2147483648 to 2147483647"
	default:
		return int32(value), ""
	}
}
