package employees

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/google/uuid"

	"github.com/futurisys/futurisys/gateway/internal/dashboard/ui"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// pageSize is how many employees a page has.
const pageSize = 50

// filters are the parameters that say which employees a list has, and in which
// order.
func filters() []string {
	return []string{"search", "department", "job_title", "risk_band", "order_by"}
}

// listData is what the page of employees shows.
type listData struct {
	Query       url.Values // the filters that are set
	Departments []string
	JobTitles   []string
	Bands       []string
	Orders      []string
	Answer      *futurisysv1.ListEmployeesResponse
	First       bool
	RequestID   string // of the scoring that the page can ask for
}

// list lists employees; htmx asks for the list alone.
func (h *handlers) list(v *ui.View, w http.ResponseWriter, r *http.Request) {
	query := ui.Filters(r.URL.Query(), filters()...)
	list := listData{
		Query: query, First: r.URL.Query().Get("page_token") == "", RequestID: uuid.NewString(),
		Orders: []string{"id", "latest_probability desc", "latest_probability", "update_time desc"},
	}
	if model := h.Models.Last(r.Context()); model != nil {
		list.Departments = ui.FeatureOf(model.GetChampion(), "department").GetCategories()
		list.JobTitles = ui.FeatureOf(model.GetChampion(), "job_title").GetCategories()
		list.Bands = ui.BandNames(model.GetChampion())
	}
	var err error
	request := listRequest(query, pageSize)
	request.PageToken = r.URL.Query().Get("page_token")
	if list.Answer, err = h.Employees.ListEmployees(r.Context(), request); err != nil {
		h.Fail(v, w, r, ui.Persistence, err)
		return
	}
	if v.Partial {
		h.Render(v, w, r, http.StatusOK, "", listTable(v, &list))
		return
	}
	h.Render(v, w, r, http.StatusOK, v.T("employees_title"), listPart(v, &list))
}

// listRequest asks for the employees of a question.
func listRequest(query url.Values, size int32) *futurisysv1.ListEmployeesRequest {
	return &futurisysv1.ListEmployeesRequest{
		PageSize: size, OrderBy: query.Get("order_by"), Search: query.Get("search"),
		Department: query.Get("department"), JobTitle: query.Get("job_title"), RiskBand: query.Get("risk_band"),
	}
}

// orderKey is the key of an order's name.
func orderKey(order string) string { return "order_" + strings.ReplaceAll(order, " ", "_") }

// eachEmployee goes through all employees of a question; paged reads each page in its time.
func (h *handlers) eachEmployee(paged func(read func(context.Context) error) error, query url.Values, visit func(*futurisysv1.Employee) error) error {
	request := listRequest(query, ui.ListedTogether)
	for {
		var answer *futurisysv1.ListEmployeesResponse
		err := paged(func(ctx context.Context) error {
			var err error
			answer, err = h.Employees.ListEmployees(ctx, request)
			return err //nolint:wrapcheck // a status
		})
		if err != nil {
			return err
		}
		for _, e := range answer.GetEmployees() {
			if err := visit(e); err != nil {
				return err
			}
		}
		if request.PageToken = answer.GetNextPageToken(); request.GetPageToken() == "" {
			return nil
		}
	}
}

// mayScore says whether the reader may have employees scored.
func mayScore(v *ui.View) bool {
	return v.May(futurisysv1.PredictionService_PredictEmployees_FullMethodName)
}
