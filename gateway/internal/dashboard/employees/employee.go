package employees

import (
	"context"
	"net/http"
	"slices"
	"strconv"

	"github.com/google/uuid"

	"github.com/futurisys/futurisys/gateway/internal/dashboard/chart"
	"github.com/futurisys/futurisys/gateway/internal/dashboard/form"
	"github.com/futurisys/futurisys/gateway/internal/dashboard/ui"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// maxScores is how many of an employee's scores the chart has.
const maxScores = 100

// employeeData is what the page of an employee shows.
type employeeData struct {
	Employee  *futurisysv1.Employee
	Version   *futurisysv1.ModelVersion // nil: inference was never reached
	Groups    []form.Group
	Latest    *futurisysv1.Prediction
	History   []*futurisysv1.Prediction // the newest first
	RequestID string
	WhatIf    *whatIfData
}

// page shows an employee's record, score and history.
func (h *handlers) page(v *ui.View, w http.ResponseWriter, r *http.Request) {
	data, ok := h.readEmployee(v, w, r)
	if !ok {
		return
	}
	h.Render(v, w, r, http.StatusOK, v.T("employee_title", "Name", ui.EmployeeName(data.Employee)), employeePart(v, data))
}

// readEmployee reads what the page shows, or answers with what went wrong.
func (h *handlers) readEmployee(v *ui.View, w http.ResponseWriter, r *http.Request) (*employeeData, bool) {
	employee, ok := h.readRecord(v, w, r)
	if !ok {
		return nil, false
	}
	data := &employeeData{Employee: employee, RequestID: uuid.NewString(), WhatIf: &whatIfData{}}
	model, err := h.Models.Get(r.Context())
	if err != nil { // the record and the history are there all the same
		unavailable := v.FailureOf(w, ui.Inference, err)
		unavailable.Reload = true
		v.Failures = append(v.Failures, unavailable)
		model = h.Models.Last(r.Context())
	}
	data.Version = model.GetChampion()
	data.Groups = form.Groups(v, data.Version, employee.GetProfile(), nil, nil)
	if err := h.readScores(r.Context(), data); err != nil {
		h.Fail(v, w, r, ui.Persistence, err)
		return nil, false
	}
	return data, true
}

func (h *handlers) readScores(ctx context.Context, data *employeeData) error {
	if data.Employee.GetLatestPrediction() == nil {
		return nil
	}
	history, err := h.History.ListPredictions(ctx, &futurisysv1.ListPredictionsRequest{Employee: new(data.Employee.GetId()), PageSize: maxScores})
	if err != nil {
		return err //nolint:wrapcheck // a status
	}
	data.History = history.GetPredictions()
	data.Latest, err = h.History.GetPrediction(ctx, &futurisysv1.GetPredictionRequest{Prediction: data.Employee.GetLatestPrediction().GetId()})
	return err //nolint:wrapcheck // a status
}

func employeeID(r *http.Request) (int32, bool) {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 32)
	return int32(id), err == nil && id > 0
}

// historyPlot draws an employee's scores over time, each change of version marked.
func historyPlot(v *ui.View, history []*futurisysv1.Prediction) chart.Plot {
	line := chart.Line{Class: "line", Dots: true}
	plot := chart.Plot{Unit: true, TicksY: v.PercentTicks()}
	version := ""
	for _, p := range slices.Backward(history) {
		at := float64(p.GetCreateTime().AsTime().Unix())
		line.Points = append(line.Points, chart.Point{
			X: at, Y: p.GetProbability(), Tip: v.Time(p.GetCreateTime().AsTime()) + " – " + v.Percent(p.GetProbability()) + " – " + ui.VersionName(p),
		})
		if version != ui.VersionName(p) {
			version = ui.VersionName(p)
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

func employeeNumber(e *futurisysv1.Employee) string { return strconv.Itoa(int(e.GetId())) }

func (h *handlers) readRecord(v *ui.View, w http.ResponseWriter, r *http.Request) (*futurisysv1.Employee, bool) {
	id, known := employeeID(r)
	if !known {
		h.NotFound(v, w, r)
		return nil, false
	}
	employee, err := h.Employees.GetEmployee(r.Context(), &futurisysv1.GetEmployeeRequest{Employee: id})
	if err != nil {
		h.Fail(v, w, r, ui.Persistence, err)
		return nil, false
	}
	return employee, true
}
