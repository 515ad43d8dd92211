package ui

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/futurisys/futurisys/gateway/internal/dashboard/chart"
	"github.com/futurisys/futurisys/proto/catalogue"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// Label is the one of two labels that is in the reader's language.
func (v *View) Label(fr, en string) string {
	if v.Code == "fr" {
		return fr
	}
	return en
}

// FieldName is what to call a field: as the version does, else as the catalogue.
func (v *View) FieldName(name string, feature *futurisysv1.ModelFeature) string {
	if feature != nil {
		return v.Label(feature.GetLabelFr(), feature.GetLabelEn())
	}
	if v.Has("field_" + name) {
		return v.T("field_" + name)
	}
	return strings.ReplaceAll(name, "_", " ")
}

// FeatureName is what to call the field of a contribution or a change; version is the one
// that answered, nil where it is not at hand.
func (v *View) FeatureName(of interface{ GetFeature() string }, version *futurisysv1.ModelVersion) string {
	return v.FieldName(of.GetFeature(), FeatureOf(version, of.GetFeature()))
}

// Word is the text of an enum's value, such as space_log_odds of EXPLAIN_SPACE_LOG_ODDS.
func (v *View) Word(prefix string, value protoreflect.Enum) string {
	return v.T(prefix + strings.ToLower(catalogue.Name(value)))
}

// Unit is a manifest's unit in the reader's language.
func (v *View) Unit(unit string) string {
	key := "unit_" + strings.ReplaceAll(unit, " ", "_")
	if v.Has(key) {
		return v.T(key)
	}
	return ""
}

// BandName is what to call a band: as the catalogue does if it knows it.
func (v *View) BandName(band string) string {
	if v.Has("band_" + band) {
		return v.T("band_" + band)
	}
	return band
}

// BandIcon is a shape for a band, so that colour is never alone.
func BandIcon(band string) string {
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

// InWords says a probability as people out of a hundred.
func (v *View) InWords(probability float64) string {
	return v.N("in_words", int(math.Round(probability*100))) //nolint:mnd // percent
}

// Value says the value of a field.
func (v *View) Value(value *futurisysv1.FeatureValue) string {
	switch kind := value.GetKind().(type) {
	case *futurisysv1.FeatureValue_Number:
		return v.Decimal(kind.Number, 2) //nolint:mnd // decimals
	case *futurisysv1.FeatureValue_Category:
		return kind.Category
	case *futurisysv1.FeatureValue_Boolean:
		return v.YesNo(kind.Boolean)
	}
	return v.T("unknown")
}

// YesNo says yes or no.
func (v *View) YesNo(yes bool) string {
	if yes {
		return v.T("yes")
	}
	return v.T("no")
}

// reason is a contribution in words.
func (v *View) reason(c *futurisysv1.Contribution, version *futurisysv1.ModelVersion) string {
	key := "reason_down"
	if c.GetContribution() > 0 {
		key = "reason_up"
	}
	return v.T(key, "Feature", v.FeatureName(c, version), "Value", v.Value(c.GetValue()))
}

// Reasons are the greatest contributions in words.
func (v *View) Reasons(e *futurisysv1.Explanation, version *futurisysv1.ModelVersion, most int) []string {
	var out []string
	for _, c := range e.GetContributions() {
		if len(out) < most && c.GetContribution() != 0 {
			out = append(out, v.reason(c, version))
		}
	}
	return out
}

// Decision is what the version decided, in words.
func (v *View) Decision(positive bool) string {
	if positive {
		return v.T("decision_positive")
	}
	return v.T("decision_negative")
}

// Sized is a text with the size of a list, which may be an estimate.
func (v *View) Sized(key string, list interface {
	GetTotalSize() int32
	GetTotalSizeIsEstimate() bool
},
) string {
	text := v.N(key, int(list.GetTotalSize()))
	if list.GetTotalSizeIsEstimate() {
		return v.T("about", "Text", text)
	}
	return text
}

// DetailValue is a detail's value: one of a few words in the reader's language, else as
// the service has it.
func (v *View) DetailValue(name, value string) string {
	if key := "detail_" + name + "_" + strings.ReplaceAll(value, "-", "_"); v.Has(key) {
		return v.T(key)
	}
	return value
}

// EmployeeName is what to call an employee.
func EmployeeName(e *futurisysv1.Employee) string {
	if e.GetDisplayName() != "" {
		return e.GetDisplayName()
	}
	return strconv.Itoa(int(e.GetId()))
}

// VersionName is the version that scored, such as attrition/1.
func VersionName(p *futurisysv1.Prediction) string {
	return fmt.Sprintf("%s/%d", p.GetModel(), p.GetModelVersion())
}

// RowTitle names a row of a file by its line and what the file calls it.
func RowTitle(v *View, line int, name string) string {
	if name == "" {
		return v.T("line", "Line", line)
	}
	return v.T("line_of", "Line", line, "Name", name)
}

// Shorten cuts a label to what its column holds.
func Shorten(text string) string {
	const limit = 40
	runes := []rune(text)
	if len(runes) > limit {
		return string(runes[:limit-1]) + "…"
	}
	return text
}

// PercentTicks are those of an axis from none to all.
func (v *View) PercentTicks() []chart.Tick {
	shares := []float64{0, 0.25, 0.5, 0.75, 1}
	out := make([]chart.Tick, 0, len(shares))
	for _, share := range shares {
		out = append(out, chart.Tick{At: share, Name: v.Percent(share)})
	}
	return out
}
