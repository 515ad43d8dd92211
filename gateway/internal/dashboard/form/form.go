package form

import (
	"net/url"
	"slices"
	"strings"

	"github.com/a-h/templ"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/futurisys/futurisys/gateway/internal/dashboard/ui"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// Input is a field as a form shows it: with what the version says of it.
type Input struct {
	Field

	Label    string
	Hint     string
	Used     bool // by the version
	Required bool
	Options  []string // of a category
	Low      int      // of a slider: the training range
	High     int
	Value    string
	Problem  string
}

// Group are the fields of one extract.
type Group struct {
	Extract string
	Fields  []Input
}

// Groups makes the groups of a form for a version: with the values of a profile, or what
// was typed, and what is wrong.
func Groups(v *ui.View, version *futurisysv1.ModelVersion, profile *futurisysv1.EmployeeProfile, typed url.Values, problems []ui.Problem) []Group {
	var out []Group
	for _, field := range Fields() {
		f := input(v, field, ui.FeatureOf(version, field.Name))
		f.Value = field.Text(profile)
		if typed != nil {
			f.Value = typed.Get(field.Name)
		}
		if at := slices.IndexFunc(problems, func(p ui.Problem) bool { return p.Field == field.Name }); at >= 0 {
			f.Problem = problems[at].Text
		}
		if f.Value != "" && len(f.Options) > 0 && !slices.Contains(f.Options, f.Value) {
			f.Options = append([]string{f.Value}, f.Options...) // the record may hold more than the version takes
		}
		if len(out) == 0 || out[len(out)-1].Extract != field.Extract {
			out = append(out, Group{Extract: field.Extract})
		}
		out[len(out)-1].Fields = append(out[len(out)-1].Fields, f)
	}
	return out
}

func input(v *ui.View, field Field, feature *futurisysv1.ModelFeature) Input {
	f := Input{
		Field: field, Label: v.FieldName(field.Name, feature), Used: feature != nil,
		Required: feature.GetRequired(), Options: feature.GetCategories(),
	}
	if field.Kind == protoreflect.Int32Kind {
		f.Low, f.High = int(field.Min), int(field.Max)
	}
	switch {
	case feature == nil:
		f.Hint = v.T("hint_unused")
	case feature.Min != nil && feature.Max != nil:
		f.Low, f.High = int(feature.GetMin()), int(feature.GetMax())
		f.Hint = v.T("hint_range", "Low", v.Decimal(feature.GetMin(), 0), "High", v.Decimal(feature.GetMax(), 0), "Unit", v.Unit(feature.GetUnit()))
	}
	return f
}

// Complete says whether what was sent has all fields of a profile, as a browser sends
// them: what is missing is not what was left empty.
func Complete(form url.Values) bool {
	return !slices.ContainsFunc(Fields(), func(field Field) bool { return !form.Has(field.Name) })
}

// Read reads a profile from a form and says what is wrong with it: for the API, and
// where it is to be scored for the version too.
func Read(v *ui.View, form url.Values, version *futurisysv1.ModelVersion, toScore bool) (*futurisysv1.EmployeeProfile, []ui.Problem) {
	profile := &futurisysv1.EmployeeProfile{}
	var problems []ui.Problem
	for _, field := range Fields() {
		feature := ui.FeatureOf(version, field.Name)
		text := strings.TrimSpace(form.Get(field.Name))
		if problem := field.Read(v, profile, text, feature, toScore); problem != "" {
			problems = append(problems, ui.Problem{Field: field.Name, Label: v.FieldName(field.Name, feature), Text: problem})
		}
	}
	return profile, problems
}

// describedBy names what a screen reader says of a field besides its label.
func (f *Input) describedBy() string {
	var ids []string
	if f.Problem != "" {
		ids = append(ids, f.Name+"-problem")
	}
	if f.Hint != "" {
		ids = append(ids, f.Name+"-hint")
	}
	return strings.Join(ids, " ")
}

// attributes are what every control of a field has.
func (f *Input) attributes(id, describedBy string) templ.Attributes {
	out := templ.Attributes{"id": id, "name": f.Name}
	if describedBy != "" {
		out["aria-describedby"] = describedBy
	}
	if f.Problem != "" {
		out["aria-invalid"] = "true"
	}
	return out
}

// Display is a form's text for people.
func (f *Input) Display(v *ui.View) string {
	switch f.Value {
	case "":
		return v.T("unknown")
	case "true", "false":
		return v.YesNo(f.Value == "true")
	}
	return f.Value
}
