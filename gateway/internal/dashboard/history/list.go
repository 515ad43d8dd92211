package history

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/futurisys/futurisys/gateway/internal/dashboard/ui"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// pageSize is how many predictions a page has.
const pageSize = 50

// filters are the parameters that say which predictions a list has.
func filters() []string {
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
	Problem  string // with a filter
}

// bandCount is how many predictions of a batch are in a band.
type bandCount struct {
	Name  string
	Count int
}

// list lists predictions.
func (h *handlers) list(v *ui.View, w http.ResponseWriter, r *http.Request) {
	query := ui.Filters(r.URL.Query(), filters()...)
	list := &predictionList{Query: query, Path: "history", First: r.URL.Query().Get("page_token") == ""}
	if model := h.Models.Last(r.Context()); model != nil {
		list.Bands = ui.BandNames(model.GetChampion())
		for _, version := range model.GetVersions() {
			list.Versions = append(list.Versions, strconv.Itoa(int(version)))
		}
	}
	code := http.StatusOK
	request, problem := requestOf(query)
	if problem == "" {
		h.nameModel(r.Context(), request)
		request.PageToken = r.URL.Query().Get("page_token")
		err := h.readPredictions(r.Context(), request, list)
		if status.Code(err) == codes.NotFound {
			problem, code = "problem_no_employee", http.StatusNotFound
		} else if err != nil {
			h.Fail(v, w, r, ui.Persistence, err)
			return
		}
	} else {
		code = http.StatusBadRequest
	}
	if problem != "" {
		list.Problem = v.T(problem)
	}
	if v.Partial {
		h.Render(v, w, r, code, "", listTable(v, list))
		return
	}
	h.Render(v, w, r, code, v.T("history_title"), listPart(v, list))
}

// nameModel says which model's version a list is asked for: the number alone is that of
// several.
func (h *handlers) nameModel(ctx context.Context, request *futurisysv1.ListPredictionsRequest) {
	if request.GetVersion() != 0 {
		request.Model = h.Models.Last(ctx).GetName()
	}
}

// readPredictions reads a page of predictions and the names of its employees.
func (h *handlers) readPredictions(ctx context.Context, request *futurisysv1.ListPredictionsRequest, list *predictionList) error {
	var err error
	if list.Answer, err = h.History.ListPredictions(ctx, request); err != nil {
		return err //nolint:wrapcheck // a status
	}
	list.Names, err = h.namesOf(ctx, list.Answer.GetPredictions())
	return err
}

// namesOf are the names of the employees of predictions; one without a name has its id.
func (h *handlers) namesOf(ctx context.Context, predictions []*futurisysv1.Prediction) (map[int32]string, error) {
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
	answer, err := h.Employees.BatchGetEmployees(ctx, request)
	if err != nil {
		return nil, err //nolint:wrapcheck // a status
	}
	for _, e := range answer.GetEmployees() {
		names[e.GetId()] = ui.EmployeeName(e)
	}
	return names, nil
}

// who is whose prediction it is.
func (l *predictionList) who(v *ui.View, p *futurisysv1.Prediction) string {
	if p.GetRowNumber() > 0 {
		return ui.RowTitle(v, int(p.GetRowNumber()), p.GetRowId())
	}
	if p.EmployeeId == nil {
		return v.T("profile_only")
	}
	if name, ok := l.Names[p.GetEmployeeId()]; ok {
		return name
	}
	return strconv.Itoa(int(p.GetEmployeeId()))
}

// total says how long a list is.
func total(v *ui.View, answer *futurisysv1.ListPredictionsResponse) string {
	return v.Sized("predictions_count", answer)
}
