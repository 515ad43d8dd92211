package scoring

import (
	"net/http"

	"github.com/google/uuid"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/futurisys/futurisys/gateway/internal/dashboard/form"
	"github.com/futurisys/futurisys/gateway/internal/dashboard/outcome"
	"github.com/futurisys/futurisys/gateway/internal/dashboard/ui"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// simulateData is what the form of a person shows who is on no record.
type simulateData struct {
	Version    *futurisysv1.ModelVersion
	Groups     []form.Group
	Problems   []ui.Problem
	Prediction *futurisysv1.Prediction
	RequestID  string
}

// simulateForm shows the form: empty, or with a row that the version accepts.
func (h *handlers) simulateForm(v *ui.View, w http.ResponseWriter, r *http.Request) {
	model, err := h.Models.Get(r.Context())
	if err != nil {
		h.Fail(v, w, r, ui.Inference, err)
		return
	}
	data := &simulateData{Version: model.GetChampion(), RequestID: uuid.NewString()}
	var example *futurisysv1.EmployeeProfile
	if r.URL.Query().Has("example") {
		example = data.Version.GetExampleProfile()
	}
	data.Groups = form.Groups(v, data.Version, example, nil, nil)
	h.Render(v, w, r, http.StatusOK, v.T("simulate_title"), simulatePart(v, data))
}

// simulate scores what was typed. What is wrong with it is said at the field, and what
// was typed is kept, whatever happens.
func (h *handlers) simulate(v *ui.View, w http.ResponseWriter, r *http.Request) {
	model, err := h.Models.Get(r.Context())
	if err != nil {
		if model = h.Models.Last(r.Context()); model == nil {
			h.Fail(v, w, r, ui.Inference, err)
			return
		}
	}
	version := model.GetChampion()
	data := &simulateData{Version: version, RequestID: uuid.NewString()}
	code := h.simulateTyped(v, w, r, model, data)
	data.Groups = form.Groups(v, version, nil, r.PostForm, data.Problems)
	h.Render(v, w, r, code, v.T("simulate_title"), simulatePart(v, data))
}

// simulateTyped scores what was typed, or keeps what is wrong; it returns the page's
// code.
func (h *handlers) simulateTyped(v *ui.View, w http.ResponseWriter, r *http.Request, model *futurisysv1.Model, data *simulateData) int {
	var profile *futurisysv1.EmployeeProfile
	if profile, data.Problems = form.Read(v, r.PostForm, data.Version, true); len(data.Problems) > 0 {
		return http.StatusBadRequest
	}
	var err error
	data.Prediction, err = h.Predictions.Predict(r.Context(), &futurisysv1.PredictRequest{
		Model: model.GetName(), Profile: profile, Explain: &futurisysv1.ExplainOptions{}, RequestId: outcome.RequestID(r.PostForm.Get("request_id"), r.PostForm.Encode()),
	})
	if err == nil {
		return http.StatusOK
	}
	found := v.FailureOf(w, ui.Inference, err)
	if data.Problems = found.Problems; len(data.Problems) == 0 {
		v.Failures = append(v.Failures, found)
	}
	if status.Code(err) == codes.InvalidArgument {
		return http.StatusBadRequest
	}
	return http.StatusServiceUnavailable
}
