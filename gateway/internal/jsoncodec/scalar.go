package jsoncodec

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"

	"github.com/go-faster/jx"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/timestamppb"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// scalar reads one value; false: it is not what the field takes, and that is said.
func (r *reading) scalar(field *fieldPlan) (protoreflect.Value, bool, error) {
	switch kind := field.descriptor.Kind(); kind {
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		value, ok, err := r.integer(math.MinInt32, math.MaxInt32)
		return protoreflect.ValueOfInt32(int32(value)), ok, err
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		value, ok, err := r.integer(0, math.MaxUint32)
		return protoreflect.ValueOfUint32(uint32(value)), ok, err
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		text, ok, err := r.long()
		value, failed := strconv.ParseInt(text, 10, 64)
		return protoreflect.ValueOfInt64(value), ok && r.parsed(failed), err
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		text, ok, err := r.long()
		value, failed := strconv.ParseUint(text, 10, 64)
		return protoreflect.ValueOfUint64(value), ok && r.parsed(failed), err
	case protoreflect.EnumKind:
		return r.enum(field)
	case protoreflect.DoubleKind, protoreflect.FloatKind:
		return r.float(kind)
	case protoreflect.BoolKind:
		if r.source.Next() != jx.Bool {
			return protoreflect.Value{}, false, r.wrongType("true or false")
		}
		value, err := r.source.Bool()
		return protoreflect.ValueOfBool(value), true, err //nolint:wrapcheck // what is wrong with the JSON
	case protoreflect.StringKind, protoreflect.BytesKind:
		return r.text(kind)
	default:
		return protoreflect.Value{}, false, fmt.Errorf("a field of kind %s, which is no scalar", kind)
	}
}

func (r *reading) float(kind protoreflect.Kind) (protoreflect.Value, bool, error) {
	if r.source.Next() != jx.Number {
		return protoreflect.Value{}, false, r.wrongType("a number")
	}
	value, err := r.source.Float64()
	if kind == protoreflect.FloatKind {
		return protoreflect.ValueOfFloat32(float32(value)), true, err //nolint:wrapcheck // what is wrong with the JSON
	}
	return protoreflect.ValueOfFloat64(value), true, err //nolint:wrapcheck // what is wrong with the JSON
}

// text reads a string, or the base64 of bytes.
func (r *reading) text(kind protoreflect.Kind) (protoreflect.Value, bool, error) {
	if r.source.Next() != jx.String {
		return protoreflect.Value{}, false, r.wrongType("a string")
	}
	value, err := r.source.Str()
	if err != nil || kind == protoreflect.StringKind {
		return protoreflect.ValueOfString(value), err == nil, err //nolint:wrapcheck // what is wrong with the JSON
	}
	// As protojson: either alphabet, with or without padding.
	plain := strings.TrimRight(strings.NewReplacer("-", "+", "_", "/").Replace(value), "=")
	decoded, err := base64.RawStdEncoding.DecodeString(plain)
	if err != nil {
		r.problem(futurisysv1.ViolationReason_VIOLATION_REASON_WRONG_TYPE, "expected", "a string of base64")
		return protoreflect.Value{}, false, nil //nolint:nilerr // it is said
	}
	return protoreflect.ValueOfBytes(decoded), true, nil
}

// integer reads a number of 32 bits from low to high.
func (r *reading) integer(low, high int64) (int64, bool, error) {
	if r.source.Next() != jx.Number {
		return 0, false, r.wrongType("an integer")
	}
	number, err := r.source.Num()
	if err != nil {
		return 0, false, err //nolint:wrapcheck // what is wrong with the JSON
	}
	value, isInteger := integer(string(number))
	switch {
	case !isInteger:
		r.problem(futurisysv1.ViolationReason_VIOLATION_REASON_WRONG_TYPE, "expected", "an integer")
	case value < float64(low) || value > float64(high):
		r.problem(futurisysv1.ViolationReason_VIOLATION_REASON_OUT_OF_RANGE, "min", low, "max", high)
	default:
		return int64(value), true, nil
	}
	return 0, false, nil
}

const longIntegers = "an integer, or a string of one"

// long reads an integer of 64 bits, which protojson writes as a text: JSON's numbers are
// not exact.
func (r *reading) long() (string, bool, error) {
	switch r.source.Next() {
	case jx.Number:
		number, err := r.source.Num()
		return string(number), err == nil, err //nolint:wrapcheck // what is wrong with the JSON
	case jx.String:
		text, err := r.source.Str()
		return text, err == nil, err //nolint:wrapcheck // what is wrong with the JSON
	default:
		return "", false, r.wrongType(longIntegers)
	}
}

// parsed says what is wrong with a long integer that did not read.
func (r *reading) parsed(failed error) bool {
	if failed != nil {
		r.problem(futurisysv1.ViolationReason_VIOLATION_REASON_WRONG_TYPE, "expected", longIntegers)
	}
	return failed == nil
}

// Text says what is wrong with the text of a query's parameter; 0: nothing.
func Text(field protoreflect.FieldDescriptor, text string) (futurisysv1.ViolationReason, []any) {
	expected := func(what string, err error) (futurisysv1.ViolationReason, []any) {
		if err == nil {
			return 0, nil
		}
		return futurisysv1.ViolationReason_VIOLATION_REASON_WRONG_TYPE, []any{"expected", what}
	}
	switch field.Kind() {
	case protoreflect.EnumKind: // grpc-gateway takes the number of a value, too; the document has names
		if EnumValue(field, text) == nil {
			return futurisysv1.ViolationReason_VIOLATION_REASON_NOT_ALLOWED, []any{"allowed", EnumNames(field)}
		}
	case protoreflect.BoolKind:
		_, err := strconv.ParseBool(text)
		return expected("true or false", err)
	case protoreflect.Int32Kind:
		_, err := strconv.ParseInt(text, 10, 32)
		return expected("an integer", err)
	case protoreflect.Int64Kind:
		_, err := strconv.ParseInt(text, 10, 64)
		return expected("an integer", err)
	case protoreflect.DoubleKind:
		_, err := strconv.ParseFloat(text, 64)
		return expected("a number", err)
	case protoreflect.MessageKind:
		switch field.Message().FullName() {
		case "google.protobuf.Timestamp":
			_, err := Time(text)
			return expected("a time of RFC 3339 such as 2026-01-31T12:00:00Z, in an address with %2B for +", err)
		case "google.protobuf.FieldMask":
		default:
			return futurisysv1.ViolationReason_VIOLATION_REASON_UNKNOWN_PARAMETER, nil
		}
	default:
	}
	return 0, nil
}

// Time reads a time of RFC 3339, or one whose offset has no colon: generated clients, such as
// openapi-generator's for Python, write that.
func Time(text string) (time.Time, error) {
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		at, err = time.Parse("2006-01-02T15:04:05.999999999Z0700", text)
	}
	if err != nil {
		return time.Time{}, err //nolint:wrapcheck // who asks says it in other words
	}
	return at, timestamppb.New(at).CheckValid() //nolint:wrapcheck // its years are 1 to 9999
}

// mapKey reads a map's key from its text.
func mapKey(key protoreflect.FieldDescriptor, text string) (protoreflect.MapKey, bool) {
	switch key.Kind() {
	case protoreflect.StringKind:
		return protoreflect.ValueOfString(text).MapKey(), true
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(text == "true").MapKey(), text == "true" || text == "false"
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		value, err := strconv.ParseInt(text, 10, 32)
		return protoreflect.ValueOfInt32(int32(value)).MapKey(), err == nil
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		value, err := strconv.ParseInt(text, 10, 64)
		return protoreflect.ValueOfInt64(value).MapKey(), err == nil
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		value, err := strconv.ParseUint(text, 10, 32)
		return protoreflect.ValueOfUint32(uint32(value)).MapKey(), err == nil
	default:
		value, err := strconv.ParseUint(text, 10, 64)
		return protoreflect.ValueOfUint64(value).MapKey(), err == nil
	}
}

// enum reads the name of a value. Numbers, which protojson takes, are not in the document.
func (r *reading) enum(field *fieldPlan) (protoreflect.Value, bool, error) {
	if r.source.Next() != jx.String {
		return protoreflect.Value{}, false, r.skip(futurisysv1.ViolationReason_VIOLATION_REASON_NOT_ALLOWED, "allowed", EnumNames(field.descriptor))
	}
	name, err := r.source.Str()
	if err != nil {
		return protoreflect.Value{}, false, err //nolint:wrapcheck // what is wrong with the JSON
	}
	found := EnumValue(field.descriptor, name)
	if found == nil {
		r.problem(futurisysv1.ViolationReason_VIOLATION_REASON_NOT_ALLOWED, "allowed", EnumNames(field.descriptor))
		return protoreflect.Value{}, false, nil
	}
	return protoreflect.ValueOfEnum(found.Number()), true, nil
}

// EnumValue is the value of a field's enum by its name; nil: there is none.
func EnumValue(field protoreflect.FieldDescriptor, name string) protoreflect.EnumValueDescriptor {
	return field.Enum().Values().ByName(protoreflect.Name(name))
}

// EnumNames are the names that a field takes.
func EnumNames(field protoreflect.FieldDescriptor) string {
	values := field.Enum().Values()
	names := make([]string, values.Len())
	for i := range names {
		names[i] = string(values.Get(i).Name())
	}
	return strings.Join(names, ", ")
}

// integer reads a number and says whether it is an integer. 30.0 and 3e1 are to JSON, too.
func integer(text string) (float64, bool) {
	value, err := strconv.ParseFloat(text, 64)
	return value, err != nil && math.IsInf(value, 0) || err == nil && value == math.Trunc(value)
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
