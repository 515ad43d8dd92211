package ui

import (
	"maps"
	"slices"
	"strconv"

	"github.com/futurisys/futurisys/proto/catalogue"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// Catalogue is the reader's language in the API's catalogue of reasons.
func (v *View) Catalogue() catalogue.Language { return catalogue.Language(v.Code) }

// Violation says in the reader's language what is wrong with a field. One without a
// reason, of before there were reasons or of a newer service, is said as it is.
func (v *View) Violation(wrong *futurisysv1.Violation) string {
	reason := wrong.GetReason()
	if reason == futurisysv1.ViolationReason_VIOLATION_REASON_UNSPECIFIED || catalogue.Name(reason) == "" {
		return wrong.GetMessage()
	}
	parameters := maps.Clone(wrong.GetParameters())
	for name, value := range parameters {
		number, err := strconv.ParseFloat(value, 64)
		switch {
		case name == "other":
			parameters[name] = v.FieldName(value, nil)
		case err == nil && slices.Contains([]string{"value", "min", "max", "limit"}, name):
			parameters[name] = v.Decimal(number, 3) //nolint:mnd // decimals
		}
	}
	return catalogue.Sentence(v.Catalogue(), reason, parameters)
}

// Warning says in the reader's language what is unusual about a row.
func (v *View) Warning(w *futurisysv1.Violation, version *futurisysv1.ModelVersion) string {
	if w.GetField() == "" {
		return v.Violation(w)
	}
	return v.T("warning", "Field", v.FieldName(w.GetField(), FeatureOf(version, w.GetField())), "Text", v.Violation(w))
}

// Problems are violations with the names of their fields.
func (v *View) Problems(violations []*futurisysv1.Violation) []Problem {
	out := make([]Problem, len(violations))
	for i, violation := range violations {
		name := lastField(violation.GetField())
		out[i] = Problem{Field: name, Label: v.FieldName(name, nil), Text: v.Violation(violation)}
	}
	return out
}
