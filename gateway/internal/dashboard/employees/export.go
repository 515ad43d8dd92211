package employees

import (
	"context"
	"net/http"
	"strconv"

	"github.com/futurisys/futurisys/gateway/internal/dashboard/form"
	"github.com/futurisys/futurisys/gateway/internal/dashboard/ui"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// export exports all employees of a question with their newest score.
func (h *handlers) export(v *ui.View, w http.ResponseWriter, r *http.Request) {
	if h.RefuseUnknown(v, w, r, filters()) {
		return
	}
	version := h.Models.Last(r.Context()).GetChampion()
	var t *ui.Table
	begin := func() {
		ui.AsFile(w, "futurisys.csv")
		t = ui.NewTable(v, w)
		cells := make([]string, 0, len(form.Fields())+5) //nolint:mnd // besides the fields
		cells = append(cells, v.T("column_employee"), v.T("field_display_name"))
		for _, field := range form.Fields() {
			cells = append(cells, v.FieldName(field.Name, ui.FeatureOf(version, field.Name)))
		}
		t.Row(append(cells, v.T("column_probability"), v.T("column_band"), v.T("column_scored")))
	}
	paged := func(read func(context.Context) error) error { return ui.Step(w, r, read) }
	err := h.eachEmployee(paged, ui.Filters(r.URL.Query(), filters()...), func(e *futurisysv1.Employee) error {
		if t == nil {
			begin()
		}
		t.Row(employeeCells(v, t, e))
		return t.Err()
	})
	if err != nil {
		h.Cut(v, w, r, t != nil, err)
		return
	}
	if t == nil {
		begin()
	}
	if err := t.Close(); err != nil {
		h.Log.DebugContext(r.Context(), "write an export", "error", err)
	}
}

func employeeCells(v *ui.View, t *ui.Table, e *futurisysv1.Employee) []string {
	cells := []string{strconv.Itoa(int(e.GetId())), t.Text(e.GetDisplayName())}
	for _, field := range form.Fields() {
		data := form.Input{Field: field, Value: field.Text(e.GetProfile())}
		text := ""
		if data.Value != "" {
			text = t.Text(data.Display(v))
		}
		cells = append(cells, text)
	}
	if p := e.GetLatestPrediction(); p != nil {
		return append(cells, t.Decimal(p.GetProbability()), v.BandName(p.GetRiskBand()), t.Time(p.GetCreateTime()))
	}
	return append(cells, "", "", "")
}
