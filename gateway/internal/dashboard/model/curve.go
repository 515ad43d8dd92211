package model

import (
	"net/http"
	"slices"
	"strconv"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/futurisys/futurisys/gateway/internal/dashboard/chart"
	"github.com/futurisys/futurisys/gateway/internal/dashboard/ui"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// curveData is the curve of one feature.
type curveData struct {
	Curve   *futurisysv1.FeatureCurve
	Space   futurisysv1.ExplainSpace
	Numeric bool
	At      *float64 // the value that is marked
}

// curve draws how one feature moves the score over its range.
func (h *handlers) curve(v *ui.View, w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	model, err := h.Models.Get(r.Context())
	if err != nil {
		h.Fail(v, w, r, ui.Inference, err)
		return
	}
	number, err := strconv.ParseInt(query.Get("version"), 10, 32)
	if err != nil {
		number = int64(model.GetChampion().GetVersion())
	}
	curves, err := h.Models.Client.ListFeatureCurves(r.Context(), &futurisysv1.ListFeatureCurvesRequest{Model: model.GetName(), Version: int32(number)})
	if status.Code(err) == codes.InvalidArgument {
		h.NotFound(v, w, r)
		return
	}
	if err != nil {
		h.Fail(v, w, r, ui.Inference, err)
		return
	}
	i := slices.IndexFunc(curves.GetFeatureCurves(), func(c *futurisysv1.FeatureCurve) bool { return c.GetFeature() == query.Get("feature") })
	if i < 0 || len(curves.GetFeatureCurves()[i].GetPoints()) == 0 {
		h.NotFound(v, w, r)
		return
	}
	data := &curveData{Curve: curves.GetFeatureCurves()[i], Space: curves.GetSpace()}
	_, data.Numeric = data.Curve.GetPoints()[0].GetValue().GetKind().(*futurisysv1.FeatureValue_Number)
	if at, err := strconv.Atoi(query.Get("at")); err == nil {
		data.At = new(float64(at))
	}
	h.Render(v, w, r, http.StatusOK, v.Label(data.Curve.GetLabelFr(), data.Curve.GetLabelEn()), curvePart(v, data))
}

func curvePlot(v *ui.View, s *curveData) chart.Plot {
	line := chart.Line{Class: "line"}
	points := s.Curve.GetPoints()
	low, high := points[0].GetContribution(), points[0].GetContribution()
	for _, point := range points {
		line.Points = append(line.Points, chart.Point{X: point.GetValue().GetNumber(), Y: point.GetContribution()})
		low, high = min(low, point.GetContribution()), max(high, point.GetContribution())
	}
	plot := chart.Plot{Lines: []chart.Line{line}, Across: []chart.Mark{{At: 0, Name: ""}}}
	for _, y := range []float64{low, 0, high} {
		if y == 0 || y-low > (high-low)/10 || y == low {
			plot.TicksY = append(plot.TicksY, chart.Tick{At: y, Name: v.Signed(y, 2)}) //nolint:mnd // decimals
		}
	}
	first, last := points[0].GetValue().GetNumber(), points[len(points)-1].GetValue().GetNumber()
	for _, x := range []float64{first, (first + last) / 2, last} { //nolint:mnd // the middle
		plot.TicksX = append(plot.TicksX, chart.Tick{At: x, Name: v.Decimal(x, 0)})
	}
	if s.At != nil && *s.At >= first && *s.At <= last {
		plot.Down = []chart.Mark{{At: *s.At, Name: v.Decimal(*s.At, 0)}}
	}
	return plot
}

func curveBars(v *ui.View, s *curveData) []chart.Bar {
	bars := make([]chart.Bar, len(s.Curve.GetPoints()))
	for i, point := range s.Curve.GetPoints() {
		bars[i] = chart.Bar{
			Label: ui.Shorten(v.Value(point.GetValue())), Amount: point.GetContribution(), Text: v.Signed(point.GetContribution(), 2), //nolint:mnd // decimals
		}
	}
	return bars
}
