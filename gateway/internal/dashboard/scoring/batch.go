package scoring

import (
	"context"
	"io"
	"net/http"
	"slices"
	"strconv"

	"github.com/google/uuid"

	"github.com/futurisys/futurisys/gateway/internal/dashboard/outcome"
	"github.com/futurisys/futurisys/gateway/internal/dashboard/ui"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// fileField is the name of a form's file.
const fileField = "file"

// newBatchData is what the page of uploads shows.
type batchData struct {
	Columns []string
	Checked *upload // nil: nothing was checked
}

// batchForm shows where to upload a file.
func (h *handlers) batchForm(v *ui.View, w http.ResponseWriter, r *http.Request) {
	model, err := h.Models.Get(r.Context())
	if err != nil {
		h.Fail(v, w, r, ui.Inference, err)
		return
	}
	h.Render(v, w, r, http.StatusOK, v.T("batch_title"), batchPart(v, newBatchData(model.GetChampion(), nil)))
}

func newBatchData(version *futurisysv1.ModelVersion, checked *upload) *batchData {
	data := &batchData{Checked: checked}
	for _, feature := range version.GetFeatures() {
		data.Columns = append(data.Columns, columnNames(feature.GetName()))
	}
	return data
}

// batchCheck says what is wrong with a file, and scores nothing.
func (h *handlers) batchCheck(v *ui.View, w http.ResponseWriter, r *http.Request) {
	model, checked, ok := h.readFile(v, w, r)
	if !ok {
		return
	}
	if v.Partial {
		h.Render(v, w, r, http.StatusOK, "", checkedPart(v, checked))
		return
	}
	h.Render(v, w, r, http.StatusOK, v.T("batch_title"), batchPart(v, newBatchData(model.GetChampion(), checked)))
}

// readFile reads the uploaded file, or answers with what went wrong.
func (h *handlers) readFile(v *ui.View, w http.ResponseWriter, r *http.Request) (*futurisysv1.Model, *upload, bool) {
	file, _, err := r.FormFile(fileField)
	if err != nil {
		h.FailUpload(v, w, r, err, v.T("upload_no_file"))
		return nil, nil, false
	}
	defer file.Close()
	data, err := io.ReadAll(file)
	if err != nil {
		h.FailUpload(v, w, r, err, v.T("error_form"))
		return nil, nil, false
	}
	model, err := h.Models.Get(r.Context())
	if err != nil {
		h.Fail(v, w, r, ui.Inference, err)
		return nil, nil, false
	}
	return model, readUpload(v, data, model.GetChampion()), true
}

// batchScore scores the good lines of a file and shows how far it is. With a database the
// results are found by their batch; without one, or for who may not read it, they stand on the
// page itself.
func (h *handlers) batchScore(v *ui.View, w http.ResponseWriter, r *http.Request) {
	model, file, ok := h.readFile(v, w, r)
	if !ok {
		return
	}
	rows := file.Good()
	if file.Problem != "" || len(rows) == 0 {
		h.Render(v, w, r, http.StatusBadRequest, v.T("batch_title"), batchPart(v, newBatchData(model.GetChampion(), file)))
		return
	}
	known, err := h.onRecord(r.Context(), v, rows)
	if err != nil {
		h.Fail(v, w, r, ui.Persistence, err)
		return
	}
	inline := !h.HasDatabase() || !v.May(futurisysv1.PredictionHistoryService_ListPredictions_FullMethodName)
	h.Stream(v, w, r, v.T("scoring_title"), len(rows), func(ctx context.Context, p *ui.Progress) error {
		out := &outcome.Outcome{Batch: uuid.NewString(), Bad: file.Bad(v)}
		var results []inlineResult
		done := 0
		for part := range slices.Chunk(rows, outcome.Together) {
			request := batchRequest(part, known)
			request.Model, request.BatchId = model.GetName(), out.Batch
			answer, err := h.Predictions.BatchPredict(ctx, request)
			if err != nil {
				return out.Interrupt(v, p, err)
			}
			out.Add(v, answer.GetResults(), func(i int32) outcome.BadRow { return outcome.BadRow{Name: part[i].title(v)} })
			for i, result := range answer.GetResults() {
				if prediction := result.GetPrediction(); prediction != nil && inline {
					results = append(results, inlineResult{part[i].title(v), prediction})
				}
			}
			done += len(part)
			p.Step(done)
		}
		if !inline {
			p.End(outcome.Done(v, out))
			return nil
		}
		download, err := inlineCSV(v, results)
		if err != nil {
			return err
		}
		p.End(inlineResults(v, out, results, download))
		return nil
	})
}

// batchRequest asks for rows of a file. known are the employees on record; nil: the reader may
// not say whom the rows are about.
func batchRequest(rows []uploadedRow, known map[int32]bool) *futurisysv1.BatchPredictRequest {
	request := &futurisysv1.BatchPredictRequest{Explain: &futurisysv1.ExplainOptions{}}
	for _, row := range rows {
		request.Profiles = append(request.Profiles, row.Profile)
		if known != nil {
			request.References = append(request.References, row.reference(known))
		}
	}
	return request
}

// mayName says whether the reader may say which employees rows are about.
func mayName(v *ui.View) bool {
	return v.May(futurisysv1.PredictionService_PredictEmployees_FullMethodName)
}

// onRecord are those of the employees that a file names who are on record; nil: the reader may
// not say whom rows are about.
func (h *handlers) onRecord(ctx context.Context, v *ui.View, rows []uploadedRow) (map[int32]bool, error) {
	if !mayName(v) {
		return nil, nil
	}
	known := map[int32]bool{}
	request := &futurisysv1.BatchGetEmployeesRequest{}
	for i := range rows {
		if id, ok := rows[i].employee(); ok {
			request.EmployeeIds = append(request.EmployeeIds, id)
		}
	}
	if !h.HasDatabase() || len(request.GetEmployeeIds()) == 0 {
		return known, nil
	}
	found, err := h.Employees.BatchGetEmployees(ctx, request)
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
