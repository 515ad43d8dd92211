package dashboard

import (
	"context"
	"net/http"
	"slices"
	"strconv"

	"github.com/google/uuid"

	"github.com/futurisys/futurisys/gateway/internal/dashboard/chart"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// scoresDrawn is how many of an employee's scores the chart has.
const scoresDrawn = 100

// employeeShown is what the page of an employee shows.
type employeeShown struct {
	Employee  *futurisysv1.Employee
	Version   *futurisysv1.ModelVersion // nil: inference was never reached
	Groups    []fieldGroup
	Latest    *futurisysv1.Prediction
	History   []*futurisysv1.Prediction // the newest first
	RequestID string
	WhatIf    *whatIfShown
}

// employeePage shows an employee's record, score and history.
func (d *Dashboard) employeePage(v *view, w http.ResponseWriter, r *http.Request) {
	shown, ok := d.readEmployee(v, w, r)
	if !ok {
		return
	}
	d.render(v, w, r, http.StatusOK, v.T("employee_title", "Name", employeeName(shown.Employee)), employeePart(v, shown))
}

// readEmployee reads what the page shows, or answers with what went wrong.
func (d *Dashboard) readEmployee(v *view, w http.ResponseWriter, r *http.Request) (*employeeShown, bool) {
	employee, ok := d.readRecord(v, w, r)
	if !ok {
		return nil, false
	}
	shown := &employeeShown{Employee: employee, RequestID: uuid.NewString(), WhatIf: &whatIfShown{}}
	model, err := d.models.get(r.Context())
	if err != nil { // the record and the history are there all the same
		away := d.failureOf(v, inference, err)
		away.Reload = true
		v.Failures = append(v.Failures, away)
		model = d.models.last(r.Context())
	}
	shown.Version = model.GetChampion()
	shown.Groups = d.form(v, shown.Version, employee.GetProfile(), nil, nil)
	if err := d.readScores(r.Context(), shown); err != nil {
		d.fail(v, w, r, persistence, err)
		return nil, false
	}
	return shown, true
}

func (d *Dashboard) readScores(ctx context.Context, shown *employeeShown) error {
	if shown.Employee.GetLatestPrediction() == nil {
		return nil
	}
	history, err := d.history.ListPredictions(ctx, &futurisysv1.ListPredictionsRequest{Employee: new(shown.Employee.GetId()), PageSize: scoresDrawn})
	if err != nil {
		return err //nolint:wrapcheck // a status
	}
	shown.History = history.GetPredictions()
	shown.Latest, err = d.history.GetPrediction(ctx, &futurisysv1.GetPredictionRequest{Prediction: shown.Employee.GetLatestPrediction().GetId()})
	return err //nolint:wrapcheck // a status
}

// employeeScore scores an employee now, and shows the page again.
func (d *Dashboard) employeeScore(v *view, w http.ResponseWriter, r *http.Request) {
	id, known := employeeID(r)
	if !known {
		d.notFound(v, w, r)
		return
	}
	model, err := d.models.get(r.Context())
	if err != nil {
		d.fail(v, w, r, inference, err)
		return
	}
	answer, err := d.predictions.PredictEmployees(r.Context(), &futurisysv1.PredictEmployeesRequest{
		Model: model.GetName(), EmployeeIds: []int32{id}, Explain: &futurisysv1.ExplainOptions{},
		RequestId: requestID(r.PostForm.Get("request_id"), id),
	})
	if err != nil {
		d.fail(v, w, r, inference, err)
		return
	}
	if answer.GetFailedCount() > 0 {
		out := &scored{}
		d.gather(v, out, answer.GetResults(), func(int32) badRow {
			return badRow{Name: strconv.Itoa(int(id)), Link: string(to("employees/%d", id))}
		})
		d.render(v, w, r, http.StatusBadRequest, v.T("error_title"), badRowsPart(v, out.Bad))
		return
	}
	http.Redirect(w, r, string(to("employees/%d", id)), http.StatusSeeOther)
}

func employeeID(r *http.Request) (int32, bool) {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 32)
	return int32(id), err == nil && id > 0
}

// historyPlot draws an employee's scores over time, each change of version marked.
func (v *view) historyPlot(history []*futurisysv1.Prediction) chart.Plot {
	line := chart.Line{Class: "line", Dots: true}
	plot := chart.Plot{Unit: true, TicksY: v.percentTicks()}
	version := ""
	for _, p := range slices.Backward(history) {
		at := float64(p.GetCreateTime().AsTime().Unix())
		line.Points = append(line.Points, chart.Point{
			X: at, Y: p.GetProbability(), Tip: v.Time(p.GetCreateTime().AsTime()) + " – " + v.Percent(p.GetProbability()) + " – " + versionName(p),
		})
		if version != versionName(p) {
			version = versionName(p)
			plot.Down = append(plot.Down, chart.Mark{At: at, Name: version})
		}
	}
	plot.Lines = []chart.Line{line}
	newest := history[0]
	plot.Across = []chart.Mark{{At: newest.GetThreshold(), Name: v.T("threshold")}}
	for _, p := range []*futurisysv1.Prediction{history[len(history)-1], newest} {
		plot.TicksX = append(plot.TicksX, chart.Tick{At: float64(p.GetCreateTime().AsTime().Unix()), Name: v.Date(p.GetCreateTime().AsTime())})
	}
	if plot.TicksX[0].At == plot.TicksX[1].At {
		plot.TicksX = plot.TicksX[:1]
	}
	return plot
}

// percentTicks are those of an axis from none to all.
func (v *view) percentTicks() []chart.Tick {
	shares := []float64{0, 0.25, 0.5, 0.75, 1}
	out := make([]chart.Tick, 0, len(shares))
	for _, share := range shares {
		out = append(out, chart.Tick{At: share, Name: v.Percent(share)})
	}
	return out
}
