package dashboard

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"

	"github.com/a-h/templ"
	"github.com/google/uuid"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// fileField is the name of a form's file.
const fileField = "file"

// batchShown is what the page of uploads shows.
type batchShown struct {
	Columns []string
	Checked *upload // nil: nothing was checked
}

// batchForm shows where to upload a file.
func (d *Dashboard) batchForm(v *view, w http.ResponseWriter, r *http.Request) {
	model, err := d.models.get(r.Context())
	if err != nil {
		d.fail(v, w, r, inference, err)
		return
	}
	d.render(v, w, r, http.StatusOK, v.T("batch_title"), batchPart(v, d.batchShown(model.GetChampion(), nil)))
}

func (d *Dashboard) batchShown(version *futurisysv1.ModelVersion, checked *upload) *batchShown {
	shown := &batchShown{Checked: checked}
	for _, feature := range version.GetFeatures() {
		shown.Columns = append(shown.Columns, d.columnNames(feature.GetName()))
	}
	return shown
}

// batchCheck says what is wrong with a file, and scores nothing.
func (d *Dashboard) batchCheck(v *view, w http.ResponseWriter, r *http.Request) {
	model, checked, ok := d.readFile(v, w, r)
	if !ok {
		return
	}
	if v.Partial {
		d.render(v, w, r, http.StatusOK, "", checkedPart(v, checked))
		return
	}
	d.render(v, w, r, http.StatusOK, v.T("batch_title"), batchPart(v, d.batchShown(model.GetChampion(), checked)))
}

// readFile reads the uploaded file, or answers with what went wrong.
func (d *Dashboard) readFile(v *view, w http.ResponseWriter, r *http.Request) (*futurisysv1.Model, *upload, bool) {
	file, _, err := r.FormFile(fileField)
	if tooLarge, is := errors.AsType[*http.MaxBytesError](err); is {
		d.refuse(v, w, r, http.StatusRequestEntityTooLarge, v.T("upload_too_large", "Most", v.Integer(int(tooLarge.Limit>>20)))) //nolint:mnd // MiB
		return nil, nil, false
	}
	if err != nil {
		d.refuse(v, w, r, http.StatusBadRequest, v.T("upload_no_file"))
		return nil, nil, false
	}
	defer file.Close()
	data, err := io.ReadAll(file)
	if err != nil {
		d.refuse(v, w, r, http.StatusBadRequest, v.T("error_form"))
		return nil, nil, false
	}
	model, err := d.models.get(r.Context())
	if err != nil {
		d.fail(v, w, r, inference, err)
		return nil, nil, false
	}
	return model, d.readUpload(v, data, model.GetChampion()), true
}

// batchScore scores the good lines of a file and shows how far it is. With a database the
// results are found by their batch; without one they stand on the page itself.
func (d *Dashboard) batchScore(v *view, w http.ResponseWriter, r *http.Request) {
	model, file, ok := d.readFile(v, w, r)
	if !ok {
		return
	}
	rows := file.Good()
	if file.Problem != "" || len(rows) == 0 {
		d.render(v, w, r, http.StatusBadRequest, v.T("batch_title"), batchPart(v, d.batchShown(model.GetChampion(), file)))
		return
	}
	known, err := d.onRecord(r.Context(), rows)
	if err != nil {
		d.fail(v, w, r, persistence, err)
		return
	}
	d.stream(v, w, r, v.T("scoring_title"), len(rows), func(ctx context.Context, p *progress) error {
		out := &scored{Batch: uuid.NewString(), Bad: file.Bad(v)}
		results := &predictionList{Answer: &futurisysv1.ListPredictionsResponse{}}
		done := 0
		for part := range slices.Chunk(rows, scoredTogether) {
			request := &futurisysv1.BatchPredictRequest{Model: model.GetName(), BatchId: out.Batch, Explain: &futurisysv1.ExplainOptions{}}
			for _, row := range part {
				request.Profiles = append(request.Profiles, row.Profile)
				request.References = append(request.References, row.reference(known))
			}
			answer, err := d.predictions.BatchPredict(ctx, request)
			if err != nil {
				return d.interrupted(v, p, out, err)
			}
			d.gather(v, out, answer.GetResults(), func(i int32) badRow { return badRow{Name: part[i].title(v)} })
			for i, result := range answer.GetResults() {
				if prediction := result.GetPrediction(); prediction != nil && !d.hasDatabase() {
					results.Answer.Predictions = append(results.Answer.Predictions, prediction)
					results.titles = append(results.titles, part[i].title(v))
				}
			}
			done += len(part)
			p.step(done)
		}
		if d.hasDatabase() {
			p.end(scoredPart(v, out))
			return nil
		}
		download, err := v.inlineCSV(results)
		if err != nil {
			return err
		}
		p.end(inlineResults(v, out, results, download))
		return nil
	})
}

// onRecord are those of the employees that a file names who are on record.
func (d *Dashboard) onRecord(ctx context.Context, rows []uploadedRow) (map[int32]bool, error) {
	known := map[int32]bool{}
	request := &futurisysv1.BatchGetEmployeesRequest{}
	for i := range rows {
		if id, ok := rows[i].employee(); ok {
			request.EmployeeIds = append(request.EmployeeIds, id)
		}
	}
	if !d.hasDatabase() || len(request.GetEmployeeIds()) == 0 {
		return known, nil
	}
	found, err := d.employees.BatchGetEmployees(ctx, request)
	if err != nil {
		return nil, err //nolint:wrapcheck // a status
	}
	for _, employee := range found.GetEmployees() {
		known[employee.GetId()] = true
	}
	return known, nil
}

// employee is the employee's number by which the file names the row.
func (row *uploadedRow) employee() (int32, bool) {
	id, err := strconv.ParseInt(row.Name, 10, 32)
	return int32(id), err == nil && id > 0
}

// reference says where the row stands in the file and whom it is about.
func (row *uploadedRow) reference(known map[int32]bool) *futurisysv1.RowReference {
	out := &futurisysv1.RowReference{RowNumber: int32(row.Line), RowId: row.Name}
	if id, ok := row.employee(); ok && known[id] {
		out.EmployeeId = &id
	}
	return out
}

// inlineCSV is a table of results as the address of a download: without a database
// nothing keeps them but the page.
func (v *view) inlineCSV(results *predictionList) (templ.SafeURL, error) {
	var text bytes.Buffer
	table := newTable(v, &text)
	table.row(predictionHeader(v))
	for i, p := range results.Answer.GetPredictions() {
		table.row(predictionCells(v, table, p, results.titles[i]))
	}
	if err := table.close(); err != nil {
		return "", err
	}
	return templ.SafeURL("data:text/csv;charset=utf-8;base64," + base64.StdEncoding.EncodeToString(text.Bytes())), nil
}

// inlineShown is how many results a page without a database lists; the file has all.
const inlineShown = 500

// shownInline are the results that the page lists.
func shownInline(results *predictionList) *predictionList {
	count := min(len(results.Answer.GetPredictions()), inlineShown)
	return &predictionList{
		Answer: &futurisysv1.ListPredictionsResponse{Predictions: results.Answer.GetPredictions()[:count]}, titles: results.titles[:count],
	}
}
