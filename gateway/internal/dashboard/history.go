package dashboard

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/google/uuid"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// predictionsShown is how many predictions a page has.
const predictionsShown = 50

// historyFilters are the parameters that say which predictions a list has.
func historyFilters() []string {
	return []string{"employee", "risk_band", "version", "from", "to", "batch"}
}

// predictionList is what a page of predictions shows.
type predictionList struct {
	Query    url.Values  // the filters that are set
	Path     string      // of the page
	Bands    []string    // to filter by
	Counts   []bandCount // of a batch
	Versions []string
	Answer   *futurisysv1.ListPredictionsResponse
	Names    map[int32]string // of employees that have one
	First    bool
	Problem  string   // with a filter
	titles   []string // of the rows, where they are no employees
}

// bandCount is how many predictions of a batch are in a band.
type bandCount struct {
	Name  string
	Count int
}

// historyPage lists predictions.
func (d *Dashboard) historyPage(v *view, w http.ResponseWriter, r *http.Request) {
	query := kept(r.URL.Query(), historyFilters()...)
	list := &predictionList{Query: query, Path: "history", First: r.URL.Query().Get("page_token") == ""}
	if model := d.models.last(r.Context()); model != nil {
		list.Bands = bandNames(model.GetChampion())
		for _, version := range model.GetVersions() {
			list.Versions = append(list.Versions, strconv.Itoa(int(version)))
		}
	}
	code := http.StatusOK
	request, problem := historyRequest(query)
	if problem == "" {
		d.nameModel(r.Context(), request)
		request.PageToken = r.URL.Query().Get("page_token")
		err := d.readPredictions(r.Context(), request, list)
		if status.Code(err) == codes.NotFound {
			problem, code = "problem_no_employee", http.StatusNotFound
		} else if err != nil {
			d.fail(v, w, r, persistence, err)
			return
		}
	} else {
		code = http.StatusBadRequest
	}
	if problem != "" {
		list.Problem = v.T(problem)
	}
	if v.Partial {
		d.render(v, w, r, code, "", historyTable(v, list))
		return
	}
	d.render(v, w, r, code, v.T("history_title"), historyPart(v, list))
}

// historyRequest asks for the predictions of a question, or names the key of what is
// wrong with it.
func historyRequest(query url.Values) (request *futurisysv1.ListPredictionsRequest, problem string) {
	request = &futurisysv1.ListPredictionsRequest{PageSize: predictionsShown, RiskBand: query.Get("risk_band")}
	if text := query.Get("employee"); text != "" {
		id, err := strconv.ParseInt(text, 10, 32)
		if err != nil || id < 1 {
			return nil, "problem_employee"
		}
		request.Employee = new(int32(id))
	}
	if text := query.Get("version"); text != "" {
		version, err := strconv.ParseInt(text, 10, 32)
		if err != nil || version < 1 {
			return nil, "problem_version"
		}
		request.Version = int32(version)
	}
	if text := query.Get("batch"); text != "" {
		if uuid.Validate(text) != nil {
			return nil, "problem_batch"
		}
		request.BatchId = text
	}
	for name, set := range map[string]func(time.Time){
		"from": func(day time.Time) { request.CreateTimeFrom = timestamppb.New(day) },
		"to":   func(day time.Time) { request.CreateTimeTo = timestamppb.New(day.AddDate(0, 0, 1)) },
	} {
		if text := query.Get(name); text != "" {
			day, err := time.ParseInLocation(time.DateOnly, text, time.Local) //nolint:gosmopolitan // the analysts' own clock: TZ
			if err != nil {
				return nil, "problem_date"
			}
			set(day)
		}
	}
	return request, ""
}

// nameModel says which model's version a list is asked for: the number alone is that of
// several.
func (d *Dashboard) nameModel(ctx context.Context, request *futurisysv1.ListPredictionsRequest) {
	if request.GetVersion() != 0 {
		request.Model = d.models.last(ctx).GetName()
	}
}

// batchOrder is the order of the rows of a batch: of a file that of its lines, else that in
// which they were scored.
func (d *Dashboard) batchOrder(ctx context.Context, batch string) (string, error) {
	first, err := d.history.ListPredictions(ctx, &futurisysv1.ListPredictionsRequest{PageSize: 1, BatchId: batch, OrderBy: "row_number"})
	if err != nil {
		return "", err //nolint:wrapcheck // a status
	}
	if len(first.GetPredictions()) > 0 && first.GetPredictions()[0].GetRowNumber() > 0 {
		return "row_number", nil
	}
	return "create_time", nil
}

// readPredictions reads a page of predictions and the names of its employees.
func (d *Dashboard) readPredictions(ctx context.Context, request *futurisysv1.ListPredictionsRequest, list *predictionList) error {
	var err error
	if list.Answer, err = d.history.ListPredictions(ctx, request); err != nil {
		return err //nolint:wrapcheck // a status
	}
	list.Names, err = d.namesOf(ctx, list.Answer.GetPredictions())
	return err
}

// namesOf are the names of the employees of predictions; one without a name has its id.
func (d *Dashboard) namesOf(ctx context.Context, predictions []*futurisysv1.Prediction) (map[int32]string, error) {
	seen := map[int32]bool{}
	request := &futurisysv1.BatchGetEmployeesRequest{}
	for _, p := range predictions {
		if p.EmployeeId != nil && !seen[p.GetEmployeeId()] {
			seen[p.GetEmployeeId()] = true
			request.EmployeeIds = append(request.EmployeeIds, p.GetEmployeeId())
		}
	}
	names := map[int32]string{}
	if len(request.GetEmployeeIds()) == 0 {
		return names, nil
	}
	answer, err := d.employees.BatchGetEmployees(ctx, request)
	if err != nil {
		return nil, err //nolint:wrapcheck // a status
	}
	for _, e := range answer.GetEmployees() {
		names[e.GetId()] = employeeName(e)
	}
	return names, nil
}

// resultsPage shows the predictions of one batch with their reasons.
func (d *Dashboard) resultsPage(v *view, w http.ResponseWriter, r *http.Request) {
	batch := r.PathValue("batch")
	if uuid.Validate(batch) != nil {
		d.notFound(v, w, r)
		return
	}
	order, err := d.batchOrder(r.Context(), batch)
	if err != nil {
		d.fail(v, w, r, persistence, err)
		return
	}
	query := kept(r.URL.Query(), "risk_band")
	list := &predictionList{Query: query, Path: "batches/" + batch, First: r.URL.Query().Get("page_token") == ""}
	request := &futurisysv1.ListPredictionsRequest{
		PageSize: predictionsShown, PageToken: r.URL.Query().Get("page_token"), BatchId: batch, RiskBand: query.Get("risk_band"),
		OrderBy: order, IncludeExplanations: true, IncludePrevious: true,
	}
	if err := d.readPredictions(r.Context(), request, list); err != nil {
		d.fail(v, w, r, persistence, err)
		return
	}
	for _, band := range bandNames(d.models.last(r.Context()).GetChampion()) {
		counted, err := d.history.ListPredictions(r.Context(), &futurisysv1.ListPredictionsRequest{PageSize: 1, BatchId: batch, RiskBand: band})
		if err != nil {
			d.fail(v, w, r, persistence, err)
			return
		}
		list.Counts = append(list.Counts, bandCount{band, int(counted.GetTotalSize())})
	}
	d.render(v, w, r, http.StatusOK, v.T("results_title"), resultsPart(v, list, batch))
}

// predictionPage shows one prediction as it was given.
func (d *Dashboard) predictionPage(v *view, w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	if uuid.Validate(id) != nil {
		d.notFound(v, w, r)
		return
	}
	prediction, err := d.history.GetPrediction(r.Context(), &futurisysv1.GetPredictionRequest{Prediction: id})
	if err != nil {
		d.fail(v, w, r, persistence, err)
		return
	}
	var version *futurisysv1.ModelVersion
	if model := d.models.last(r.Context()); model != nil {
		version = model.GetChampion()
	}
	groups := d.form(v, version, prediction.GetProfile(), nil, nil)
	d.render(v, w, r, http.StatusOK, v.T("prediction_title"), predictionPart(v, prediction, version, groups))
}

// who is whose prediction it is.
func (l *predictionList) who(v *view, p *futurisysv1.Prediction) string {
	if p.GetRowNumber() > 0 {
		return rowTitle(v, int(p.GetRowNumber()), p.GetRowId())
	}
	if p.EmployeeId == nil {
		return v.T("profile_only")
	}
	if name, ok := l.Names[p.GetEmployeeId()]; ok {
		return name
	}
	return strconv.Itoa(int(p.GetEmployeeId()))
}
