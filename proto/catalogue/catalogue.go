// Package catalogue has the sentences of the API's reasons in English and in French, and
// how each error is answered, from the options beside the enums in the contract.
package catalogue

import (
	"fmt"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// Language is a language of the catalogue.
type Language string

// The languages.
const (
	English Language = "en"
	French  Language = "fr"
)

// Sentence is what a reason means in a language, with the parameters in their places. A
// parameter that is not given stands as its name.
func Sentence(language Language, reason protoreflect.Enum, parameters map[string]string) string {
	value := value(reason)
	if value == nil {
		return fmt.Sprintf("%s %d", reason.Descriptor().Name(), reason.Number()) // of a newer contract
	}
	both, _ := proto.GetExtension(value.Options(), futurisysv1.E_Sentence).(*futurisysv1.Sentence)
	sentence := both.GetEn()
	if language == French {
		sentence = both.GetFr()
	}
	if sentence == "" {
		return Name(reason)
	}
	if len(parameters) == 0 {
		return sentence
	}
	pairs := make([]string, 0, 2*len(parameters)) //nolint:mnd // a name and a value each
	for name, value := range parameters {
		pairs = append(pairs, "{"+name+"}", value)
	}
	return strings.NewReplacer(pairs...).Replace(sentence)
}

// Violation returns a violation with its English sentence. Pairs are the names and values
// of the sentence's parameters.
func Violation(reason futurisysv1.ViolationReason, field string, pairs ...any) *futurisysv1.Violation {
	parameters := Parameters(pairs)
	return &futurisysv1.Violation{Field: field, Reason: reason, Parameters: parameters, Message: Sentence(English, reason, parameters)}
}

// Parameters are names and values, one after the other, as a map; nil for none.
func Parameters(pairs []any) map[string]string {
	if len(pairs) == 0 {
		return nil
	}
	out := make(map[string]string, len(pairs)/2) //nolint:mnd // a name and a value each
	for i := 0; i+1 < len(pairs); i += 2 {
		out[fmt.Sprint(pairs[i])] = fmt.Sprint(pairs[i+1])
	}
	return out
}

// Code is how an error of a reason is answered; nil for a reason of a newer contract.
func Code(reason futurisysv1.ErrorReason) *futurisysv1.ErrorCode {
	value := value(reason)
	if value == nil {
		return nil
	}
	code, _ := proto.GetExtension(value.Options(), futurisysv1.E_ErrorCode).(*futurisysv1.ErrorCode)
	return code
}

// Name is a reason without its enum's prefix, as an ErrorInfo has it: MODEL_NOT_FOUND.
func Name(reason protoreflect.Enum) string {
	value := value(reason)
	if value == nil {
		return ""
	}
	zero := string(reason.Descriptor().Values().ByNumber(0).Name())
	return strings.TrimPrefix(string(value.Name()), strings.TrimSuffix(zero, "UNSPECIFIED"))
}

// Error is the reason of an ErrorInfo by its name; the second result is false for one of a
// newer contract.
func Error(name string) (futurisysv1.ErrorReason, bool) {
	const prefix = "ERROR_REASON_"
	number, ok := futurisysv1.ErrorReason_value[prefix+name]
	return futurisysv1.ErrorReason(number), ok
}

// ViolationReason is a reason by its name; 0 for none, and for one of a newer contract.
func ViolationReason(name string) futurisysv1.ViolationReason {
	const prefix = "VIOLATION_REASON_"
	return futurisysv1.ViolationReason(futurisysv1.ViolationReason_value[prefix+name])
}

func value(reason protoreflect.Enum) protoreflect.EnumValueDescriptor {
	return reason.Descriptor().Values().ByNumber(reason.Number())
}
