package employees

import (
	"net/http"
	"net/url"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/futurisys/futurisys/gateway/internal/dashboard/chart"
	"github.com/futurisys/futurisys/gateway/internal/dashboard/form"
	"github.com/futurisys/futurisys/gateway/internal/dashboard/ui"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// whatIfData is a what-if: what was chosen, and what came of it.
type whatIfData struct {
	Typed   url.Values
	Version *futurisysv1.ModelVersion // that answered
	Answer  *futurisysv1.ExplainResponse
	Failure *ui.Failure
}

// typed is what a field of a what-if has: what was chosen, else the record's.
func (s *whatIfData) typed(f form.Input) string {
	if s.Typed.Has(f.Name) {
		return s.Typed.Get(f.Name)
	}
	return f.Value
}

// whatIf says what an employee's score would be with other values. Nothing is stored.
func (h *handlers) whatIf(v *ui.View, w http.ResponseWriter, r *http.Request) {
	id, known := employeeID(r)
	if !known {
		h.NotFound(v, w, r)
		return
	}
	result := &whatIfData{Typed: r.PostForm}
	model, err := h.Models.Get(r.Context())
	if err == nil {
		result.Version = model.GetChampion()
		result.Answer, result.Failure, err = h.askWhatIf(v, r, id, model)
	}
	if err == nil && result.Failure == nil && r.PostForm.Get("keep") == "true" {
		var recorded *futurisysv1.Prediction
		if recorded, err = h.keepWhatIf(r, model, id, result.Answer); err == nil {
			ui.Redirect(v, w, r, ui.To("predictions/%s", recorded.GetId()))
			return
		}
	}
	if err != nil {
		result.Failure = new(v.FailureOf(w, ui.Inference, err))
	}
	if v.Partial {
		h.Render(v, w, r, http.StatusOK, "", whatIfResult(v, result))
		return
	}
	data, ok := h.readEmployee(v, w, r)
	if !ok {
		return
	}
	data.WhatIf = result
	h.Render(v, w, r, http.StatusOK, v.T("employee_title", "Name", ui.EmployeeName(data.Employee)), employeePart(v, data))
}

// askWhatIf asks with what was chosen that differs from the record.
func (h *handlers) askWhatIf(v *ui.View, r *http.Request, id int32, model *futurisysv1.Model) (*futurisysv1.ExplainResponse, *ui.Failure, error) {
	employee, err := h.Employees.GetEmployee(r.Context(), &futurisysv1.GetEmployeeRequest{Employee: id})
	if err != nil {
		return nil, nil, err //nolint:wrapcheck // a status
	}
	wanted, problems := form.Read(v, r.PostForm, model.GetChampion(), false)
	if len(problems) > 0 {
		return nil, &ui.Failure{Title: v.T("problems_title"), Problems: problems}, nil
	}
	answer, err := h.Predictions.Explain(r.Context(), &futurisysv1.ExplainRequest{
		Model: model.GetName(), EmployeeId: &id, Changes: changed(employee.GetProfile(), wanted), Counterfactual: true,
	})
	return answer, nil, err //nolint:wrapcheck // a status
}

// keepWhatIf puts the simulated row on record: as a simulation about the employee, which
// is no score of hers.
func (h *handlers) keepWhatIf(r *http.Request, model *futurisysv1.Model, employee int32, answer *futurisysv1.ExplainResponse) (*futurisysv1.Prediction, error) {
	profile := answer.GetScore().GetProfile()
	if answer.GetChangedScore() != nil {
		profile = answer.GetChangedScore().GetProfile()
	}
	return h.Predictions.Predict(r.Context(), &futurisysv1.PredictRequest{ //nolint:wrapcheck // a status
		Model: model.GetName(), Profile: profile, Explain: &futurisysv1.ExplainOptions{},
		Kind: futurisysv1.PredictionKind_PREDICTION_KIND_SIMULATION, EmployeeId: &employee,
	})
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
func differenceBars(v *ui.View, differences []*futurisysv1.ContributionChange, version *futurisysv1.ModelVersion) []chart.Bar {
	bars := make([]chart.Bar, len(differences))
	for i, c := range differences {
		label := v.FeatureName(c, version)
		if !proto.Equal(c.GetFrom(), c.GetTo()) {
			label += " : " + v.Value(c.GetFrom()) + " → " + v.Value(c.GetTo())
		}
		bars[i] = chart.Bar{Label: ui.Shorten(label), Amount: c.GetDifference(), Text: v.Signed(c.GetDifference(), 2)} //nolint:mnd // decimals
	}
	return bars
}
