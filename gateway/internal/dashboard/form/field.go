// Package form is the forms of an employee's profile: its fields as the API and the model
// define them, their controls, and reading what was typed.
package form

import (
	"slices"
	"strconv"
	"strings"
	"sync"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/futurisys/futurisys/gateway/internal/dashboard/ui"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// Field is one field of a profile, as the API defines it.
type Field struct {
	Name       string
	Extract    string // of HR that it comes from: "sirh", "eval", "sondage"
	Column     string // of that extract
	Kind       protoreflect.Kind
	Min, Max   int32 // of a number
	descriptor protoreflect.FieldDescriptor
}

// Fields are the fields of a profile in the API's order.
var Fields = sync.OnceValue(func() []Field {
	fields := (&futurisysv1.EmployeeProfile{}).ProtoReflect().Descriptor().Fields()
	out := make([]Field, fields.Len())
	for i := range out {
		f := fields.Get(i)
		source, _ := proto.GetExtension(f.Options(), futurisysv1.E_Source).(*futurisysv1.Source)
		rules, _ := proto.GetExtension(f.Options(), validate.E_Field).(*validate.FieldRules)
		out[i] = Field{
			Name: string(f.Name()), Extract: source.GetExtract(), Column: source.GetColumn(), Kind: f.Kind(),
			Min: rules.GetInt32().GetGte(), Max: rules.GetInt32().GetLte(), descriptor: f,
		}
	}
	return out
})

// Text is the field's value in a profile as a form has it; "": it has none.
func (f *Field) Text(profile *futurisysv1.EmployeeProfile) string {
	message := profile.ProtoReflect()
	if profile == nil || !message.Has(f.descriptor) {
		return ""
	}
	return message.Get(f.descriptor).String()
}

// set writes a form's text into a profile and returns the key of what is wrong with it,
// "": nothing.
func (f *Field) set(profile *futurisysv1.EmployeeProfile, text string) string {
	message := profile.ProtoReflect()
	switch f.Kind {
	case protoreflect.Int32Kind:
		number, err := strconv.ParseInt(text, 10, 32)
		switch {
		case err != nil:
			return "problem_number"
		case number < int64(f.Min) || number > int64(f.Max):
			return "problem_range"
		}
		message.Set(f.descriptor, protoreflect.ValueOfInt32(int32(number)))
	case protoreflect.BoolKind:
		if text != "true" && text != "false" {
			return "problem_boolean"
		}
		message.Set(f.descriptor, protoreflect.ValueOfBool(text == "true"))
	default:
		const longest = 100
		if len([]rune(text)) > longest || strings.ContainsRune(text, 0) {
			return "problem_text"
		}
		message.Set(f.descriptor, protoreflect.ValueOfString(text))
	}
	return ""
}

// Read writes a text into a profile and says what is wrong with it.
func (f *Field) Read(v *ui.View, profile *futurisysv1.EmployeeProfile, text string, feature *futurisysv1.ModelFeature, toScore bool) string {
	switch {
	case text == "" && toScore && feature.GetRequired():
		return v.T("problem_required")
	case text == "":
		return ""
	case toScore && len(feature.GetCategories()) > 0 && !slices.Contains(feature.GetCategories(), text):
		return v.T("problem_category", "Allowed", strings.Join(feature.GetCategories(), ", "))
	}
	key := f.set(profile, text)
	if key == "" {
		return ""
	}
	return v.T(key, "Low", f.Min, "High", f.Max)
}
