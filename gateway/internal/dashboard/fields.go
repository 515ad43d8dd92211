package dashboard

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"github.com/a-h/templ"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// profileField is one field of a profile, as the API defines it.
type profileField struct {
	Name        string
	Extract     string // of HR that it comes from: "sirh", "eval", "sondage"
	Column      string // of that extract
	Kind        protoreflect.Kind
	Least, Most int32 // of a number
	descriptor  protoreflect.FieldDescriptor
}

// profileFields are the fields in the API's order.
func profileFields() []profileField {
	fields := (&futurisysv1.EmployeeProfile{}).ProtoReflect().Descriptor().Fields()
	out := make([]profileField, fields.Len())
	for i := range out {
		f := fields.Get(i)
		source, _ := proto.GetExtension(f.Options(), futurisysv1.E_Source).(*futurisysv1.Source)
		rules, _ := proto.GetExtension(f.Options(), validate.E_Field).(*validate.FieldRules)
		out[i] = profileField{
			Name: string(f.Name()), Extract: source.GetExtract(), Column: source.GetColumn(), Kind: f.Kind(),
			Least: rules.GetInt32().GetGte(), Most: rules.GetInt32().GetLte(), descriptor: f,
		}
	}
	return out
}

// text is the field's value in a profile as a form has it; "": it has none.
func (f *profileField) text(profile *futurisysv1.EmployeeProfile) string {
	message := profile.ProtoReflect()
	if profile == nil || !message.Has(f.descriptor) {
		return ""
	}
	return message.Get(f.descriptor).String()
}

// set writes a form's text into a profile and returns the key of what is wrong with it,
// "": nothing.
func (f *profileField) set(profile *futurisysv1.EmployeeProfile, text string) string {
	message := profile.ProtoReflect()
	switch f.Kind {
	case protoreflect.Int32Kind:
		number, err := strconv.ParseInt(text, 10, 32)
		switch {
		case err != nil:
			return "problem_number"
		case number < int64(f.Least) || number > int64(f.Most):
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

// formField is a field as a form shows it: with what the version says of it.
type formField struct {
	profileField

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

// fieldGroup are the fields of one extract.
type fieldGroup struct {
	Extract string
	Fields  []formField
}

// form makes the groups of a form for a version: with the values of a profile, or what
// was typed, and what is wrong.
func (d *Dashboard) form(v *view, version *futurisysv1.ModelVersion, profile *futurisysv1.EmployeeProfile, typed url.Values, problems []fieldProblem) []fieldGroup {
	var out []fieldGroup
	for _, field := range d.fields {
		f := v.formField(field, featureOf(version, field.Name))
		f.Value = field.text(profile)
		if typed != nil {
			f.Value = typed.Get(field.Name)
		}
		if at := slices.IndexFunc(problems, func(p fieldProblem) bool { return p.Field == field.Name }); at >= 0 {
			f.Problem = problems[at].Text
		}
		if f.Value != "" && len(f.Options) > 0 && !slices.Contains(f.Options, f.Value) {
			f.Options = append([]string{f.Value}, f.Options...) // the record may hold more than the version takes
		}
		if len(out) == 0 || out[len(out)-1].Extract != field.Extract {
			out = append(out, fieldGroup{Extract: field.Extract})
		}
		out[len(out)-1].Fields = append(out[len(out)-1].Fields, f)
	}
	return out
}

func (v *view) formField(field profileField, feature *futurisysv1.ModelFeature) formField {
	f := formField{
		profileField: field, Label: v.fieldName(field.Name, feature), Used: feature != nil,
		Required: feature.GetRequired(), Options: feature.GetCategories(),
	}
	if field.Kind == protoreflect.Int32Kind {
		f.Low, f.High = int(field.Least), int(field.Most)
	}
	switch {
	case feature == nil:
		f.Hint = v.T("hint_unused")
	case feature.Min != nil && feature.Max != nil:
		f.Low, f.High = int(feature.GetMin()), int(feature.GetMax())
		f.Hint = v.T("hint_range", "Low", v.Decimal(feature.GetMin(), 0), "High", v.Decimal(feature.GetMax(), 0), "Unit", v.unit(feature.GetUnit()))
	}
	return f
}

// readForm reads a profile from a form and says what is wrong with it: for the API, and
// where it is to be scored for the version too.
func (d *Dashboard) readForm(v *view, form url.Values, version *futurisysv1.ModelVersion, toScore bool) (*futurisysv1.EmployeeProfile, []fieldProblem) {
	profile := &futurisysv1.EmployeeProfile{}
	var problems []fieldProblem
	for i := range d.fields {
		field := &d.fields[i]
		feature := featureOf(version, field.Name)
		text := strings.TrimSpace(form.Get(field.Name))
		if problem := field.read(v, profile, text, feature, toScore); problem != "" {
			problems = append(problems, fieldProblem{Field: field.Name, Label: v.fieldName(field.Name, feature), Text: problem})
		}
	}
	return profile, problems
}

// read writes a text into a profile and says what is wrong with it.
func (f *profileField) read(v *view, profile *futurisysv1.EmployeeProfile, text string, feature *futurisysv1.ModelFeature, toScore bool) string {
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
	return v.T(key, "Low", f.Least, "High", f.Most)
}

func featureOf(version *futurisysv1.ModelVersion, name string) *futurisysv1.ModelFeature {
	for _, feature := range version.GetFeatures() {
		if feature.GetName() == name {
			return feature
		}
	}
	return nil
}

// describedBy names what a screen reader says of a field besides its label.
func (f *formField) describedBy() string {
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
func (f *formField) attributes(id, describedBy string) templ.Attributes {
	out := templ.Attributes{"id": id, "name": f.Name}
	if describedBy != "" {
		out["aria-describedby"] = describedBy
	}
	if f.Problem != "" {
		out["aria-invalid"] = "true"
	}
	return out
}
