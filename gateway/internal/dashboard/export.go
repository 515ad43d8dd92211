package dashboard

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/futurisys/futurisys/proto/catalogue"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// table writes CSV that a spreadsheet of the reader's language opens by itself: with a
// byte order mark, and in French with semicolons and decimal commas.
type table struct {
	v   *view
	out *csv.Writer
	err error
}

func newTable(v *view, w io.Writer) *table {
	t := &table{v: v, out: csv.NewWriter(w)}
	_, t.err = io.WriteString(w, "\uFEFF")
	if v.Code == "fr" {
		t.out.Comma = ';'
	}
	t.out.UseCRLF = true
	return t
}

func (t *table) row(cells []string) {
	if t.err == nil {
		t.err = t.out.Write(cells)
	}
}

func (t *table) close() error {
	t.out.Flush()
	if t.err != nil {
		return t.err
	}
	return t.out.Error() //nolint:wrapcheck // the caller says what it was doing
}

// text is a text that no spreadsheet takes for a formula.
func (t *table) text(text string) string {
	if text != "" && strings.ContainsRune("=+-@\t\r", rune(text[0])) {
		return "'" + text
	}
	return text
}

// decimal is a number in full, as the reader's spreadsheet reads it.
func (t *table) decimal(value float64) string {
	text := strconv.FormatFloat(value, 'f', -1, 64)
	if t.v.Code == "fr" {
		return strings.Replace(text, ".", ",", 1)
	}
	return text
}

// time is a moment that a spreadsheet reads as one, in the time zone of this process.
func (*table) time(at *timestamppb.Timestamp) string {
	return at.AsTime().Local().Format(time.DateTime) //nolint:gosmopolitan // the analysts' own clock: TZ
}

// predictionHeader are the columns of exported predictions.
func predictionHeader(v *view) []string {
	out := make([]string, 0, 12)
	for _, key := range []string{
		"column_employee", "column_scored", "column_probability", "column_band", "column_decision", "threshold",
		"column_reason_1", "column_reason_2", "column_reason_3", "column_difference", "column_version", "column_id",
	} {
		out = append(out, v.T(key))
	}
	return out
}

func predictionCells(v *view, t *table, p *futurisysv1.Prediction, who string) []string {
	out := []string{
		t.text(who), t.time(p.GetCreateTime()),
		t.decimal(p.GetProbability()), v.bandName(p.GetRiskBand()), v.decision(p.GetPositive()), t.decimal(p.GetThreshold()),
	}
	reasons := v.reasons(p.GetExplanation(), nil, 3) //nolint:mnd // columns
	for i := range 3 {
		reason := ""
		if i < len(reasons) {
			reason = t.text(reasons[i])
		}
		out = append(out, reason)
	}
	difference := ""
	if p.GetPrevious() != nil {
		difference = t.decimal(p.GetProbability() - p.GetPrevious().GetProbability())
	}
	return append(out, difference, versionName(p), p.GetId())
}

// asFile makes of an answer a file to keep.
func asFile(w http.ResponseWriter, name string) {
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	w.Header().Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", name))
}

// refuseUnknown refuses an export with a parameter that is none of its filters.
func (d *Dashboard) refuseUnknown(v *view, w http.ResponseWriter, r *http.Request, filters []string) bool {
	name := unknownParameter(r.URL.Query(), filters...)
	if name == "" {
		return false
	}
	wrong := catalogue.Violation(futurisysv1.ViolationReason_VIOLATION_REASON_UNKNOWN_PARAMETER, name)
	d.refuse(v, w, r, http.StatusBadRequest, v.warning(wrong, nil))
	return true
}

// historyCSV exports all predictions of a question.
func (d *Dashboard) historyCSV(v *view, w http.ResponseWriter, r *http.Request) {
	if d.refuseUnknown(v, w, r, historyFilters()) {
		return
	}
	request, problem := historyRequest(kept(r.URL.Query(), historyFilters()...))
	if problem != "" {
		d.refuse(v, w, r, http.StatusBadRequest, v.T(problem))
		return
	}
	request.PageSize, request.IncludeExplanations, request.IncludePrevious = listedTogether, true, true
	d.nameModel(r.Context(), request)
	if request.GetBatchId() != "" {
		var err error
		if request.OrderBy, err = d.batchOrder(r.Context(), request.GetBatchId()); err != nil {
			d.fail(v, w, r, persistence, err)
			return
		}
	}
	var t *table
	for {
		list := &predictionList{}
		err := step(w, r, func(ctx context.Context) error { return d.readPredictions(ctx, request, list) })
		if t != nil {
			err = errors.Join(err, t.err)
		}
		if err != nil {
			d.cut(v, w, r, t != nil, err)
			return
		}
		if t == nil {
			asFile(w, "futurisys.csv")
			t = newTable(v, w)
			t.row(predictionHeader(v))
		}
		for _, p := range list.Answer.GetPredictions() {
			t.row(predictionCells(v, t, p, list.who(v, p)))
		}
		if request.PageToken = list.Answer.GetNextPageToken(); request.GetPageToken() == "" {
			break
		}
	}
	if err := t.close(); err != nil {
		d.log.DebugContext(r.Context(), "write an export", "error", err)
	}
}

// stepTime bounds one step of an export: to read a page, and to hand it to the reader.
const stepTime = 30 * time.Second

// step does one step of an export. The whole has no bound: a file is never cut because it
// is long.
func step(w http.ResponseWriter, r *http.Request, read func(context.Context) error) error {
	// A writer without deadlines is one of a test.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(2 * stepTime)) //nolint:mnd // to read and to write
	ctx, cancel := context.WithTimeout(r.Context(), stepTime)
	defer cancel()
	return read(ctx)
}

// employeesCSV exports all employees of a question with their newest score.
func (d *Dashboard) employeesCSV(v *view, w http.ResponseWriter, r *http.Request) {
	if d.refuseUnknown(v, w, r, employeeFilters()) {
		return
	}
	version := d.models.last(r.Context()).GetChampion()
	var t *table
	begin := func() {
		asFile(w, "futurisys.csv")
		t = newTable(v, w)
		cells := make([]string, 0, len(d.fields)+5) //nolint:mnd // besides the fields
		cells = append(cells, v.T("column_employee"), v.T("field_display_name"))
		for _, field := range d.fields {
			cells = append(cells, v.fieldName(field.Name, featureOf(version, field.Name)))
		}
		t.row(append(cells, v.T("column_probability"), v.T("column_band"), v.T("column_scored")))
	}
	paged := func(read func(context.Context) error) error { return step(w, r, read) }
	err := d.eachEmployee(paged, kept(r.URL.Query(), employeeFilters()...), func(e *futurisysv1.Employee) error {
		if t == nil {
			begin()
		}
		t.row(d.employeeCells(v, t, e))
		return t.err
	})
	if err != nil {
		d.cut(v, w, r, t != nil, err)
		return
	}
	if t == nil {
		begin()
	}
	if err := t.close(); err != nil {
		d.log.DebugContext(r.Context(), "write an export", "error", err)
	}
}

func (d *Dashboard) employeeCells(v *view, t *table, e *futurisysv1.Employee) []string {
	cells := []string{strconv.Itoa(int(e.GetId())), t.text(e.GetDisplayName())}
	for _, field := range d.fields {
		shown := formField{profileField: field, Value: field.text(e.GetProfile())}
		text := ""
		if shown.Value != "" {
			text = t.text(shown.shown(v))
		}
		cells = append(cells, text)
	}
	if p := e.GetLatestPrediction(); p != nil {
		return append(cells, t.decimal(p.GetProbability()), v.bandName(p.GetRiskBand()), t.time(p.GetCreateTime()))
	}
	return append(cells, "", "", "")
}

// cut ends an export that went wrong. A file that has begun is cut off, so that nobody
// takes a part for the whole.
func (d *Dashboard) cut(v *view, w http.ResponseWriter, r *http.Request, begun bool, err error) {
	if !begun {
		d.fail(v, w, r, persistence, err)
		return
	}
	d.log.ErrorContext(r.Context(), "an export was cut off", "error", err)
	panic(http.ErrAbortHandler)
}
