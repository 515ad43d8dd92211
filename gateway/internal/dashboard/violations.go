package dashboard

import (
	"maps"
	"slices"
	"strconv"

	"github.com/futurisys/futurisys/proto/catalogue"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// language is the reader's language in the API's catalogue of reasons.
func (v *view) language() catalogue.Language { return catalogue.Language(v.Code) }

// violation says in the reader's language what is wrong with a field. One without a
// reason, of before there were reasons or of a newer service, is said as it is.
func (v *view) violation(wrong *futurisysv1.Violation) string {
	reason := wrong.GetReason()
	if reason == futurisysv1.ViolationReason_VIOLATION_REASON_UNSPECIFIED || catalogue.Name(reason) == "" {
		return wrong.GetMessage()
	}
	parameters := maps.Clone(wrong.GetParameters())
	for name, value := range parameters {
		number, err := strconv.ParseFloat(value, 64)
		switch {
		case name == "other":
			parameters[name] = v.fieldName(value, nil)
		case err == nil && slices.Contains([]string{"value", "min", "max", "limit"}, name):
			parameters[name] = v.Decimal(number, 3) //nolint:mnd // decimals
		}
	}
	return catalogue.Sentence(v.language(), reason, parameters)
}

// warning says in the reader's language what is unusual about a row.
func (v *view) warning(w *futurisysv1.Violation, version *futurisysv1.ModelVersion) string {
	if w.GetField() == "" {
		return v.violation(w)
	}
	return v.T("warning", "Field", v.fieldName(w.GetField(), featureOf(version, w.GetField())), "Text", v.violation(w))
}

// fieldProblems are violations with the names of their fields.
func (v *view) fieldProblems(violations []*futurisysv1.Violation) []fieldProblem {
	out := make([]fieldProblem, len(violations))
	for i, violation := range violations {
		name := lastField(violation.GetField())
		out[i] = fieldProblem{Field: name, Label: v.fieldName(name, nil), Text: v.violation(violation)}
	}
	return out
}
