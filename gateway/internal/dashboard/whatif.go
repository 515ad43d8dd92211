package dashboard

import (
	"net/http"
	"net/url"
	"strconv"

	"github.com/a-h/templ"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/futurisys/futurisys/gateway/internal/dashboard/chart"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// whatIfShown is a what-if: what was chosen, and what came of it.
type whatIfShown struct {
	Typed   url.Values
	Version *futurisysv1.ModelVersion // that answered
	Answer  *futurisysv1.ExplainResponse
	Failure *failure
}

// typed is what a field of a what-if has: what was chosen, else the record's.
func (s *whatIfShown) typed(f formField) string {
	if s.Typed.Has(f.Name) {
		return s.Typed.Get(f.Name)
	}
	return f.Value
}

// whatIf says what an employee's score would be with other values. Nothing is stored.
func (d *Dashboard) whatIf(v *view, w http.ResponseWriter, r *http.Request) {
	id, known := employeeID(r)
	if !known {
		d.notFound(v, w, r)
		return
	}
	result := &whatIfShown{Typed: r.PostForm}
	model, err := d.models.get(r.Context())
	if err == nil {
		result.Version = model.GetChampion()
		result.Answer, result.Failure, err = d.askWhatIf(v, r, id, model)
	}
	if err == nil && result.Failure == nil && r.PostForm.Has("keep") {
		var kept *futurisysv1.Prediction
		if kept, err = d.keepWhatIf(r, model, id, result.Answer); err == nil {
			leadTo(v, w, r, to("predictions/%s", kept.GetId()))
			return
		}
	}
	if err != nil {
		result.Failure = new(d.failureOf(v, inference, err))
	}
	if v.Partial {
		d.render(v, w, r, http.StatusOK, "", whatIfResult(v, result))
		return
	}
	shown, ok := d.readEmployee(v, w, r)
	if !ok {
		return
	}
	shown.WhatIf = result
	d.render(v, w, r, http.StatusOK, v.T("employee_title", "Name", employeeName(shown.Employee)), employeePart(v, shown))
}

// askWhatIf asks with what was chosen that differs from the record.
func (d *Dashboard) askWhatIf(v *view, r *http.Request, id int32, model *futurisysv1.Model) (*futurisysv1.ExplainResponse, *failure, error) {
	employee, err := d.employees.GetEmployee(r.Context(), &futurisysv1.GetEmployeeRequest{Employee: id})
	if err != nil {
		return nil, nil, err //nolint:wrapcheck // a status
	}
	wanted, problems := d.readForm(v, r.PostForm, model.GetChampion(), false)
	if len(problems) > 0 {
		return nil, &failure{Title: v.T("problems_title"), Problems: problems}, nil
	}
	answer, err := d.predictions.Explain(r.Context(), &futurisysv1.ExplainRequest{
		Model: model.GetName(), EmployeeId: &id, Changes: changed(employee.GetProfile(), wanted), Counterfactual: true,
	})
	return answer, nil, err //nolint:wrapcheck // a status
}

// keepWhatIf puts the simulated row on record: as a simulation about the employee, which
// is no score of hers.
func (d *Dashboard) keepWhatIf(r *http.Request, model *futurisysv1.Model, employee int32, answer *futurisysv1.ExplainResponse) (*futurisysv1.Prediction, error) {
	profile := answer.GetScore().GetProfile()
	if answer.GetChangedScore() != nil {
		profile = answer.GetChangedScore().GetProfile()
	}
	return d.predictions.Predict(r.Context(), &futurisysv1.PredictRequest{ //nolint:wrapcheck // a status
		Model: model.GetName(), Profile: profile, Explain: &futurisysv1.ExplainOptions{},
		Kind: futurisysv1.PredictionKind_PREDICTION_KIND_SIMULATION, EmployeeId: &employee,
	})
}

// leadTo makes the browser go to a page, whoever asked.
func leadTo(v *view, w http.ResponseWriter, r *http.Request, page templ.SafeURL) {
	if v.Partial {
		w.Header().Set("Hx-Redirect", string(page))
		return
	}
	http.Redirect(w, r, string(page), http.StatusSeeOther)
}

// changed are the wanted values that a profile does not have; nil: there are none.
func changed(profile, wanted *futurisysv1.EmployeeProfile) *futurisysv1.EmployeeProfile {
	out := &futurisysv1.EmployeeProfile{}
	has := profile.ProtoReflect()
	wanted.ProtoReflect().Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		if !has.Has(field) || !has.Get(field).Equal(value) {
			out.ProtoReflect().Set(field, value)
		}
		return true
	})
	if proto.Size(out) == 0 {
		return nil
	}
	return out
}

// differenceBars are what each field does, as bars.
func (v *view) differenceBars(differences []*futurisysv1.ContributionChange, version *futurisysv1.ModelVersion) []chart.Bar {
	bars := make([]chart.Bar, len(differences))
	for i, c := range differences {
		label := v.featureName(c, version)
		if !proto.Equal(c.GetFrom(), c.GetTo()) {
			label += " : " + v.value(c.GetFrom()) + " → " + v.value(c.GetTo())
		}
		bars[i] = chart.Bar{Label: shorten(label), Amount: c.GetDifference(), Shown: v.Signed(c.GetDifference(), 2)} //nolint:mnd // decimals
	}
	return bars
}

// usedFields are those that the version uses and whose value is known.
func usedFields(groups []fieldGroup) []formField {
	var out []formField
	for _, group := range groups {
		for _, f := range group.Fields {
			if f.Used {
				out = append(out, f)
			}
		}
	}
	return out
}

// slides says whether a field is a number whose value is known.
func (f *formField) slides() bool {
	return f.Kind == protoreflect.Int32Kind && f.Value != ""
}

// lowest and highest are a slider's ends: the training range, made wider where the
// record is outside of it.
func (f *formField) lowest(value string) string {
	return strconv.Itoa(min(f.Low, whole(f.Value), whole(value)))
}

func (f *formField) highest(value string) string {
	return strconv.Itoa(max(f.High, whole(f.Value), whole(value)))
}

func whole(text string) int {
	number, _ := strconv.ParseFloat(text, 64) // 0 for what is none
	return int(number)
}

func employeeNumber(e *futurisysv1.Employee) string { return strconv.Itoa(int(e.GetId())) }
