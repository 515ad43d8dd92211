// Package rules says what breaks the rules that the contract gives to its messages, as
// violations of ours.
package rules

import (
	"errors"
	"fmt"
	"strings"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

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

// reasonOf is the reason of a broken rule of the standard ones, with its parameters.
func reasonOf(v *protovalidate.Violation) (futurisysv1.ViolationReason, []any) {
	name := v.Proto.GetRuleId()[strings.LastIndex(v.Proto.GetRuleId(), ".")+1:]
	if v.RuleDescriptor != nil {
		name = string(v.RuleDescriptor.Name())
	}
	switch name {
	case "required":
		return futurisysv1.ViolationReason_VIOLATION_REASON_REQUIRED, nil
	case "gt", "gte", "lt", "lte":
		return bounds(siblings(v))
	case "max_len":
		return futurisysv1.ViolationReason_VIOLATION_REASON_TOO_LONG, []any{maxKey, v.RuleValue}
	case "min_len":
		return futurisysv1.ViolationReason_VIOLATION_REASON_TOO_SHORT, []any{minKey, v.RuleValue}
	case "max_items", "max_pairs":
		return futurisysv1.ViolationReason_VIOLATION_REASON_TOO_MANY_ITEMS, []any{maxKey, v.RuleValue}
	case "min_items":
		return futurisysv1.ViolationReason_VIOLATION_REASON_TOO_FEW_ITEMS, []any{minKey, v.RuleValue}
	case "unique":
		return futurisysv1.ViolationReason_VIOLATION_REASON_NOT_UNIQUE, nil
	case "in", "not_in", "defined_only":
		return futurisysv1.ViolationReason_VIOLATION_REASON_NOT_ALLOWED, []any{"allowed", allowed(v, siblings(v))}
	case "pattern":
		return futurisysv1.ViolationReason_VIOLATION_REASON_PATTERN, []any{"pattern", v.RuleValue}
	case "not_contains":
		return futurisysv1.ViolationReason_VIOLATION_REASON_ZERO_BYTE, nil
	case "uuid":
		return futurisysv1.ViolationReason_VIOLATION_REASON_NOT_UUID, nil
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

// bounds are the least and the greatest value that a field's rules allow.
func bounds(rules protoreflect.Message) (futurisysv1.ViolationReason, []any) {
	value := func(names ...protoreflect.Name) any {
		for _, name := range names {
			if rules == nil {
				return nil
			}
			if field := rules.Descriptor().Fields().ByName(name); field != nil && rules.Has(field) {
				return rules.Get(field)
			}
		}
		return nil
	}
	low, high := value("gte", "gt"), value("lte", "lt")
	switch {
	case low != nil && high != nil:
		return futurisysv1.ViolationReason_VIOLATION_REASON_OUT_OF_RANGE, []any{minKey, low, maxKey, high}
	case low != nil:
		return futurisysv1.ViolationReason_VIOLATION_REASON_TOO_SMALL, []any{minKey, low}
	default:
		return futurisysv1.ViolationReason_VIOLATION_REASON_TOO_LARGE, []any{maxKey, high}
	}
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
	if enum := v.FieldDescriptor.Enum(); enum != nil {
		for i := range enum.Values().Len() {
			value := enum.Values().Get(i)
			if in == nil && value.Number() != 0 || in != nil && contains(in, int64(value.Number())) {
				names = append(names, string(value.Name()))
			}
		}
		return strings.Join(names, ", ")
	}
	for i := range in.Len() {
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
