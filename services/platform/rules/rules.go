// Package rules says what breaks the rules that the contract gives to its messages, as
// violations of ours.
package rules

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/futurisys/futurisys/proto/catalogue"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// Checker holds messages of some types to their rules. Many goroutines may use it at once.
type Checker struct {
	validator protovalidate.Validator
}

// New compiles the rules of the types of messages, so that no call waits for it.
func New(messages ...proto.Message) (Checker, error) {
	validator, err := protovalidate.New(protovalidate.WithMessages(messages...))
	if err != nil {
		return Checker{}, fmt.Errorf("compile the rules of messages: %w", err)
	}
	return Checker{validator}, nil
}

// Check returns all that breaks the message's rules, by field.
func (c Checker) Check(message proto.Message) []*futurisysv1.Violation {
	return Violations(c.validator.Validate(message))
}

// Violations returns what protovalidate found, by field, as reasons of ours.
func Violations(err error) []*futurisysv1.Violation {
	var found *protovalidate.ValidationError
	if !errors.As(err, &found) {
		return nil
	}
	out := make([]*futurisysv1.Violation, 0, len(found.Violations))
	for _, v := range found.Violations {
		reason, parameters := reasonOf(v)
		out = append(out, catalogue.Violation(reason, protovalidate.FieldPathString(v.Proto.GetField()), parameters...))
	}
	return out
}

// MaxItems is how many items a list may have by its rules; 0: they do not say.
func MaxItems(field protoreflect.FieldDescriptor) int {
	declared, _ := proto.GetExtension(field.Options(), validate.E_Field).(*validate.FieldRules)
	return int(declared.GetRepeated().GetMaxItems())
}

// Names of parameters.
const (
	minKey = "min"
	maxKey = "max"
)

// plain are the reasons of rules that have no value to be told.
var plain = map[string]futurisysv1.ViolationReason{
	"required":     futurisysv1.ViolationReason_VIOLATION_REASON_REQUIRED,
	"unique":       futurisysv1.ViolationReason_VIOLATION_REASON_NOT_UNIQUE,
	"not_contains": futurisysv1.ViolationReason_VIOLATION_REASON_ZERO_BYTE,
	"uuid":         futurisysv1.ViolationReason_VIOLATION_REASON_NOT_UUID,
}

// reasonOf is the reason of a broken rule of the standard ones, with its parameters.
func reasonOf(v *protovalidate.Violation) (futurisysv1.ViolationReason, []any) {
	name := v.Proto.GetRuleId()[strings.LastIndex(v.Proto.GetRuleId(), ".")+1:]
	if v.RuleDescriptor != nil {
		name = string(v.RuleDescriptor.Name())
	}
	if reason, known := plain[name]; known {
		return reason, nil
	}
	switch name {
	case "gt", "gte", "lt", "lte":
		return bounds(name, v.RuleValue, siblings(v))
	case "max_len":
		return futurisysv1.ViolationReason_VIOLATION_REASON_TOO_LONG, []any{maxKey, v.RuleValue}
	case "min_len":
		return futurisysv1.ViolationReason_VIOLATION_REASON_TOO_SHORT, []any{minKey, v.RuleValue}
	case "max_items", "max_pairs":
		return futurisysv1.ViolationReason_VIOLATION_REASON_TOO_MANY_ITEMS, []any{maxKey, v.RuleValue}
	case "min_items":
		return futurisysv1.ViolationReason_VIOLATION_REASON_TOO_FEW_ITEMS, []any{minKey, v.RuleValue}
	case "in", "not_in", "defined_only":
		values := allowed(v, siblings(v))
		if values == "" { // a list of what is not allowed says nothing of what is
			break
		}
		return futurisysv1.ViolationReason_VIOLATION_REASON_NOT_ALLOWED, []any{"allowed", values}
	case "pattern":
		return futurisysv1.ViolationReason_VIOLATION_REASON_PATTERN, []any{"pattern", v.RuleValue}
	case "finite":
		return futurisysv1.ViolationReason_VIOLATION_REASON_WRONG_TYPE, []any{"expected", "a finite number"}
	}
	return futurisysv1.ViolationReason_VIOLATION_REASON_RULE, []any{"rule", v.Proto.GetRuleId(), "message", v.Proto.GetMessage()}
}

// siblings are the rules of the field that stand beside the broken one; nil: there are none.
func siblings(v *protovalidate.Violation) protoreflect.Message {
	if v.FieldDescriptor == nil {
		return nil
	}
	rules, _ := proto.GetExtension(v.FieldDescriptor.Options(), validate.E_Field).(*validate.FieldRules)
	at := rules.ProtoReflect()
	path := v.Proto.GetRule().GetElements()
	for _, element := range path[:max(len(path)-1, 0)] {
		field := at.Descriptor().Fields().ByName(protoreflect.Name(element.GetFieldName()))
		if field == nil || field.Message() == nil || !at.Has(field) {
			return nil
		}
		at = at.Get(field).Message()
	}
	return at
}

// bounds are the least and the greatest value that a field's rules allow. broken is the rule
// that the value breaks, and limit its value.
func bounds(broken string, limit protoreflect.Value, rules protoreflect.Message) (futurisysv1.ViolationReason, []any) {
	given := map[string]protoreflect.Value{broken: limit}
	for _, name := range []string{"gt", "gte", "lt", "lte"} {
		if rules == nil {
			break
		}
		if field := rules.Descriptor().Fields().ByName(protoreflect.Name(name)); field != nil && rules.Has(field) {
			given[name] = rules.Get(field)
		}
	}
	low, high := least(given), greatest(given)
	switch {
	case low != "" && high != "":
		return futurisysv1.ViolationReason_VIOLATION_REASON_OUT_OF_RANGE, []any{minKey, low, maxKey, high}
	case low != "":
		return futurisysv1.ViolationReason_VIOLATION_REASON_TOO_SMALL, []any{minKey, low}
	default:
		return futurisysv1.ViolationReason_VIOLATION_REASON_TOO_LARGE, []any{maxKey, high}
	}
}

// least is the least value that is allowed, as text; "": there is none.
func least(given map[string]protoreflect.Value) string {
	if bound, has := given["gte"]; has {
		return valueText(bound)
	}
	if bound, has := given["gt"]; has {
		return next(bound, 1)
	}
	return ""
}

// greatest is the greatest value that is allowed, as text; "": there is none.
func greatest(given map[string]protoreflect.Value) string {
	if bound, has := given["lte"]; has {
		return valueText(bound)
	}
	if bound, has := given["lt"]; has {
		return next(bound, -1)
	}
	return ""
}

// next is the whole number after or before a bound that is not allowed itself. What is no
// whole number has no next, and is its own bound.
func next(bound protoreflect.Value, step int64) string {
	switch number := bound.Interface().(type) {
	case int32:
		return strconv.FormatInt(int64(number)+step, 10)
	case int64:
		return strconv.FormatInt(number+step, 10)
	}
	return valueText(bound)
}

// valueText is a rule's value as people write it.
func valueText(value protoreflect.Value) string {
	message, is := value.Interface().(protoreflect.Message)
	if !is {
		return value.String()
	}
	switch known := message.Interface().(type) {
	case *timestamppb.Timestamp:
		return known.AsTime().Format(time.RFC3339)
	case *durationpb.Duration:
		return known.AsDuration().String()
	}
	return fmt.Sprint(message.Interface())
}

// allowed are the values that a field's rules allow.
func allowed(v *protovalidate.Violation, rules protoreflect.Message) string {
	in := func() protoreflect.List {
		if rules == nil {
			return nil
		}
		field := rules.Descriptor().Fields().ByName("in")
		if field == nil || rules.Get(field).List().Len() == 0 {
			return nil
		}
		return rules.Get(field).List()
	}()
	var names []string
	if v.FieldDescriptor == nil {
		return ""
	}
	if enum := v.FieldDescriptor.Enum(); enum != nil {
		for i := range enum.Values().Len() {
			value := enum.Values().Get(i)
			if in == nil && value.Number() != 0 || in != nil && contains(in, int64(value.Number())) {
				names = append(names, string(value.Name()))
			}
		}
		return strings.Join(names, ", ")
	}
	for i := 0; in != nil && i < in.Len(); i++ {
		if text := in.Get(i).String(); text != "" {
			names = append(names, text)
		}
	}
	return strings.Join(names, ", ")
}

func contains(list protoreflect.List, number int64) bool {
	for i := range list.Len() {
		if list.Get(i).Int() == number {
			return true
		}
	}
	return false
}
