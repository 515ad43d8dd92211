package model

import (
	"cmp"
	"math"
	"net/http"
	"slices"
	"strconv"

	"github.com/futurisys/futurisys/gateway/internal/dashboard/chart"
	"github.com/futurisys/futurisys/gateway/internal/dashboard/ui"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// thresholdData is what a threshold would give.
type thresholdData struct {
	Version *futurisysv1.ModelVersion
	Point   *futurisysv1.ThresholdPoint // nil: the package has no curve
	Staff   int                         // employees on record, 0: not known
}

// threshold is the threshold explorer alone.
func (h *handlers) threshold(v *ui.View, w http.ResponseWriter, r *http.Request) {
	if !v.Partial {
		http.Redirect(w, r, string(ui.With("model", ui.Filters(r.URL.Query(), "threshold")))+"#threshold", http.StatusSeeOther) //nolint:gosec // a page of our own
		return
	}
	model, err := h.Models.Get(r.Context())
	if err != nil {
		h.Fail(v, w, r, ui.Inference, err)
		return
	}
	h.Render(v, w, r, http.StatusOK, "", thresholdFigures(v, h.thresholdAt(v, r, model.GetChampion())))
}

// thresholdAt is what the asked threshold would give, else the version's own.
func (h *handlers) thresholdAt(v *ui.View, r *http.Request, version *futurisysv1.ModelVersion) thresholdData {
	asked := version.GetThreshold().GetValue()
	if percent, err := strconv.ParseFloat(r.URL.Query().Get("threshold"), 64); err == nil && percent >= 0 && percent <= 100 {
		asked = percent / 100 //nolint:mnd // percent
	}
	data := thresholdData{Version: version}
	if curve := version.GetThreshold().GetCurve(); len(curve) > 0 {
		data.Point = slices.MinFunc(curve, func(a, b *futurisysv1.ThresholdPoint) int {
			return cmp.Compare(math.Abs(a.GetThreshold()-asked), math.Abs(b.GetThreshold()-asked))
		})
	}
	if h.HasDatabase() && v.May(futurisysv1.EmployeeService_ListEmployees_FullMethodName) {
		if counted, err := h.Employees.ListEmployees(r.Context(), &futurisysv1.ListEmployeesRequest{PageSize: 1}); err == nil {
			data.Staff = int(counted.GetTotalSize())
		}
	}
	return data
}

// thresholdPlot draws precision, recall and the flagged share by threshold.
func thresholdPlot(v *ui.View, s thresholdData) chart.Plot {
	lines := []chart.Line{{Class: "line"}, {Class: "line-2"}, {Class: "line-3"}}
	for _, point := range s.Version.GetThreshold().GetCurve() {
		for i, y := range []float64{point.GetPrecision(), point.GetRecall(), point.GetFlaggedShare()} {
			lines[i].Points = append(lines[i].Points, chart.Point{X: point.GetThreshold(), Y: y})
		}
	}
	plot := chart.Plot{Lines: lines, Unit: true, TicksY: v.PercentTicks(), Down: []chart.Mark{{At: s.Point.GetThreshold(), Name: ""}}}
	if own := s.Version.GetThreshold().GetValue(); math.Abs(own-s.Point.GetThreshold()) > 1e-9 { //nolint:mnd // the same
		plot.Down = append(plot.Down, chart.Mark{At: own, Name: v.T("threshold_own", "Threshold", v.Percent(own))})
	}
	for _, share := range []float64{0.25, 0.5, 0.75} {
		plot.TicksX = append(plot.TicksX, chart.Tick{At: share, Name: v.Percent(share)})
	}
	return plot
}

// percentOf is a share as the slider has it.
func percentOf(share float64) string { return strconv.Itoa(int(math.Round(share * 100))) } //nolint:mnd // percent

// flaggedOf is how many of the employees on record a threshold would flag, by its share
// out of fold.
func flaggedOf(s thresholdData) int {
	return int(math.Round(s.Point.GetFlaggedShare() * float64(s.Staff)))
}
