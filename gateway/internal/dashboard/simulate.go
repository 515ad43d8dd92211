package dashboard

import (
	"net/http"

	"github.com/google/uuid"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// simulateShown is what the form of a person shows who is on no record.
type simulateShown struct {
	Version    *futurisysv1.ModelVersion
	Groups     []fieldGroup
	Problems   []fieldProblem
	Prediction *futurisysv1.Prediction
	RequestID  string
}

// simulateForm shows the form: empty, or with a row that the version accepts.
func (d *Dashboard) simulateForm(v *view, w http.ResponseWriter, r *http.Request) {
	model, err := d.models.get(r.Context())
	if err != nil {
		d.fail(v, w, r, inference, err)
		return
	}
	shown := &simulateShown{Version: model.GetChampion(), RequestID: uuid.NewString()}
	var example *futurisysv1.EmployeeProfile
	if r.URL.Query().Has("example") {
		example = shown.Version.GetExampleProfile()
	}
	shown.Groups = d.form(v, shown.Version, example, nil, nil)
	d.render(v, w, r, http.StatusOK, v.T("simulate_title"), simulatePart(v, shown))
}

// simulate scores what was typed. What is wrong with it is said at the field, and what
// was typed is kept, whatever happens.
func (d *Dashboard) simulate(v *view, w http.ResponseWriter, r *http.Request) {
	model, err := d.models.get(r.Context())
	if err != nil {
		if model = d.models.last(r.Context()); model == nil {
			d.fail(v, w, r, inference, err)
			return
		}
	}
	version := model.GetChampion()
	shown := &simulateShown{Version: version, RequestID: uuid.NewString()}
	code := d.simulateTyped(v, r, model, shown)
	shown.Groups = d.form(v, version, nil, r.PostForm, shown.Problems)
	d.render(v, w, r, code, v.T("simulate_title"), simulatePart(v, shown))
}

// simulateTyped scores what was typed, or keeps what is wrong; it returns the page's
// code.
func (d *Dashboard) simulateTyped(v *view, r *http.Request, model *futurisysv1.Model, shown *simulateShown) int {
	var profile *futurisysv1.EmployeeProfile
	if profile, shown.Problems = d.readForm(v, r.PostForm, shown.Version, true); len(shown.Problems) > 0 {
		return http.StatusBadRequest
	}
	var err error
	shown.Prediction, err = d.predictions.Predict(r.Context(), &futurisysv1.PredictRequest{
		Model: model.GetName(), Profile: profile, Explain: &futurisysv1.ExplainOptions{}, RequestId: requestID(r.PostForm.Get("request_id"), r.PostForm.Encode()),
	})
	if err == nil {
		return http.StatusOK
	}
	found := d.failureOf(v, inference, err)
	if shown.Problems = found.Problems; len(shown.Problems) == 0 {
		v.Failures = append(v.Failures, found)
	}
	if status.Code(err) == codes.InvalidArgument {
		return http.StatusBadRequest
	}
	return http.StatusServiceUnavailable
}
