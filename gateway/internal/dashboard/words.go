package dashboard

import (
	"math"
	"strings"

	"github.com/futurisys/futurisys/proto/catalogue"

	"google.golang.org/protobuf/reflect/protoreflect"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// label is the one of two labels that is in the reader's language.
func (v *view) label(fr, en string) string {
	if v.Code == "fr" {
		return fr
	}
	return en
}

// fieldName is what to call a field: as the version does, else as the catalogue.
func (v *view) fieldName(name string, feature *futurisysv1.ModelFeature) string {
	if feature != nil {
		return v.label(feature.GetLabelFr(), feature.GetLabelEn())
	}
	if v.Has("field_" + name) {
		return v.T("field_" + name)
	}
	return strings.ReplaceAll(name, "_", " ")
}

// featureName is what to call the field of a contribution or a change; version is the one
// that answered, nil where it is not at hand.
func (v *view) featureName(of interface{ GetFeature() string }, version *futurisysv1.ModelVersion) string {
	return v.fieldName(of.GetFeature(), featureOf(version, of.GetFeature()))
}

// word is the text of an enum's value, such as space_log_odds of EXPLAIN_SPACE_LOG_ODDS.
func (v *view) word(prefix string, value protoreflect.Enum) string {
	return v.T(prefix + strings.ToLower(catalogue.Name(value)))
}

// unit is a manifest's unit in the reader's language.
func (v *view) unit(unit string) string {
	key := "unit_" + strings.ReplaceAll(unit, " ", "_")
	if v.Has(key) {
		return v.T(key)
	}
	return ""
}

// bandName is what to call a band: as the catalogue does if it knows it.
func (v *view) bandName(band string) string {
	if v.Has("band_" + band) {
		return v.T("band_" + band)
	}
	return band
}

// bandNames are the bands of a version as the API names them.
func bandNames(version *futurisysv1.ModelVersion) []string {
	out := make([]string, len(version.GetBands()))
	for i, band := range version.GetBands() {
		out[i] = band.GetName()
	}
	return out
}

// bandIcon is a shape for a band, so that colour is never alone.
func bandIcon(band string) string {
	switch band {
	case "HIGH":
		return "▲"
	case "MODERATE":
		return "◆"
	case "LOW":
		return "●"
	}
	return "■"
}

func bandClass(band string) string {
	switch band {
	case "HIGH", "MODERATE", "LOW":
		return "band band-" + band
	}
	return "band band-other"
}

// inWords says a probability as people out of a hundred.
func (v *view) inWords(probability float64) string {
	return v.N("in_words", int(math.Round(probability*100))) //nolint:mnd // percent
}

// value says the value of a field.
func (v *view) value(value *futurisysv1.FeatureValue) string {
	switch kind := value.GetKind().(type) {
	case *futurisysv1.FeatureValue_Number:
		return v.Decimal(kind.Number, 2) //nolint:mnd // decimals
	case *futurisysv1.FeatureValue_Category:
		return kind.Category
	case *futurisysv1.FeatureValue_Boolean:
		return v.yesNo(kind.Boolean)
	}
	return v.T("unknown")
}

func (v *view) yesNo(yes bool) string {
	if yes {
		return v.T("yes")
	}
	return v.T("no")
}

// shown is a form's text for people.
func (f *formField) shown(v *view) string {
	switch f.Value {
	case "":
		return v.T("unknown")
	case "true", "false":
		return v.yesNo(f.Value == "true")
	}
	return f.Value
}

// reason is a contribution in words.
func (v *view) reason(c *futurisysv1.Contribution, version *futurisysv1.ModelVersion) string {
	key := "reason_down"
	if c.GetContribution() > 0 {
		key = "reason_up"
	}
	return v.T(key, "Feature", v.featureName(c, version), "Value", v.value(c.GetValue()))
}

// reasons are the greatest contributions in words.
func (v *view) reasons(e *futurisysv1.Explanation, version *futurisysv1.ModelVersion, most int) []string {
	var out []string
	for _, c := range e.GetContributions() {
		if len(out) < most && c.GetContribution() != 0 {
			out = append(out, v.reason(c, version))
		}
	}
	return out
}

// decision is what the version decided, in words.
func (v *view) decision(positive bool) string {
	if positive {
		return v.T("decision_positive")
	}
	return v.T("decision_negative")
}
