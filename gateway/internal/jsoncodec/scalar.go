package jsoncodec

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf16"

	"github.com/go-faster/jx"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// scalar reads one value; false: it is not what the field takes, and that is said.
func (r *reading) scalar(field *fieldPlan) (protoreflect.Value, bool, error) {
	none := protoreflect.Value{}
	switch kind := field.descriptor.Kind(); kind {
	case protoreflect.Int32Kind:
		if r.source.Next() != jx.Number {
			return none, false, r.skip("must be a whole number")
		}
		number, err := r.source.Num()
		if err != nil {
			return none, false, err //nolint:wrapcheck // what is wrong with the JSON
		}
		value, problem := whole(string(number))
		if problem != "" {
			r.problem(problem)
		}
		return protoreflect.ValueOfInt32(value), problem == "", nil
	case protoreflect.Int64Kind:
		return r.long()
	case protoreflect.EnumKind:
		return r.enum(field)
	case protoreflect.DoubleKind:
		if r.source.Next() != jx.Number {
			return none, false, r.skip("must be a number")
		}
		value, err := r.source.Float64()
		return protoreflect.ValueOfFloat64(value), true, err //nolint:wrapcheck // what is wrong with the JSON
	case protoreflect.BoolKind:
		if r.source.Next() != jx.Bool {
			return none, false, r.skip("must be true or false")
		}
		value, err := r.source.Bool()
		return protoreflect.ValueOfBool(value), true, err //nolint:wrapcheck // what is wrong with the JSON
	case protoreflect.StringKind:
		if r.source.Next() != jx.String {
			return none, false, r.skip("must be a text")
		}
		value, err := r.source.Str()
		return protoreflect.ValueOfString(value), true, err //nolint:wrapcheck // what is wrong with the JSON
	default:
		return none, false, fmt.Errorf("a field of kind %s, which no request of ours has", kind)
	}
}

// long reads an int64, which protojson writes as a text: JSON's numbers are not exact.
func (r *reading) long() (protoreflect.Value, bool, error) {
	const problem = "must be a whole number, or a text of one"
	var text string
	switch r.source.Next() {
	case jx.Number:
		number, err := r.source.Num()
		if err != nil {
			return protoreflect.Value{}, false, err //nolint:wrapcheck // what is wrong with the JSON
		}
		text = string(number)
	case jx.String:
		var err error
		if text, err = r.source.Str(); err != nil {
			return protoreflect.Value{}, false, err //nolint:wrapcheck // what is wrong with the JSON
		}
	default:
		return protoreflect.Value{}, false, r.skip(problem)
	}
	value, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		r.problem(problem)
	}
	return protoreflect.ValueOfInt64(value), err == nil, nil
}

// enum reads the name of a value. Numbers, which protojson takes, are not in the document.
func (r *reading) enum(field *fieldPlan) (protoreflect.Value, bool, error) {
	if r.source.Next() != jx.String {
		return protoreflect.Value{}, false, r.skip(EnumProblem(field.descriptor))
	}
	name, err := r.source.Str()
	if err != nil {
		return protoreflect.Value{}, false, err //nolint:wrapcheck // what is wrong with the JSON
	}
	found := EnumValue(field.descriptor, name)
	if found == nil {
		r.problem(EnumProblem(field.descriptor))
		return protoreflect.Value{}, false, nil
	}
	return protoreflect.ValueOfEnum(found.Number()), true, nil
}

// EnumValue is the value of a field's enum by its name; nil: there is none.
func EnumValue(field protoreflect.FieldDescriptor, name string) protoreflect.EnumValueDescriptor {
	return field.Enum().Values().ByName(protoreflect.Name(name))
}

// EnumProblem says which names a field takes.
func EnumProblem(field protoreflect.FieldDescriptor) string {
	values := field.Enum().Values()
	names := make([]string, values.Len())
	for i := range names {
		names[i] = string(values.Get(i).Name())
	}
	return "must be one of " + strings.Join(names, ", ")
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

// halfSurrogate says whether an escape such as \ud83d stands without its other
// half. jx reads it as U+FFFD: the text would be stored as another one.
func halfSurrogate(data []byte) bool {
	if !bytes.Contains(data, []byte(`\ud`)) && !bytes.Contains(data, []byte(`\uD`)) {
		return false
	}
	for i := 0; i < len(data)-1; i++ {
		if data[i] != '\\' {
			continue
		}
		first, ok := escape(data[i:])
		i++ // over what is escaped: in \\ud83d nothing is
		if !ok || !utf16.IsSurrogate(first) {
			continue
		}
		const length = len(`\ud83d`)
		second, ok := escape(data[min(i-1+length, len(data)):])
		if !ok || utf16.DecodeRune(first, second) == '\ufffd' {
			return true
		}
		i += 2*length - 2
	}
	return false
}

// escape reads a \uXXXX at the start of data.
func escape(data []byte) (rune, bool) {
	const length = len(`\ud83d`)
	if len(data) < length || data[0] != '\\' || data[1] != 'u' {
		return 0, false
	}
	code, err := strconv.ParseUint(string(data[2:length]), 16, 16)
	return rune(code), err == nil
}
