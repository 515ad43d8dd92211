package dashboard

import (
	"net/http"
	"net/url"
	"strconv"

	"github.com/google/uuid"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// employeesShown is how many employees a page has.
const employeesShown = 50

// employeeFilters are the parameters that say which employees a list has, and in which
// order.
func employeeFilters() []string {
	return []string{"search", "department", "job_title", "risk_band", "order_by"}
}

// employeeList is what the page of employees shows.
type employeeList struct {
	Query       url.Values // the filters that are set
	Departments []string
	JobTitles   []string
	Bands       []string
	Orders      []string
	Answer      *futurisysv1.ListEmployeesResponse
	First       bool
	RequestID   string // of the scoring that the page can ask for
}

// employeesPage lists employees; htmx asks for the list alone.
func (d *Dashboard) employeesPage(v *view, w http.ResponseWriter, r *http.Request) {
	query := kept(r.URL.Query(), employeeFilters()...)
	list := employeeList{
		Query: query, First: r.URL.Query().Get("page_token") == "", RequestID: uuid.NewString(),
		Orders: []string{"id", "latest_probability desc", "latest_probability", "update_time desc"},
	}
	if model := d.models.last(r.Context()); model != nil {
		list.Departments = featureOf(model.GetChampion(), "department").GetCategories()
		list.JobTitles = featureOf(model.GetChampion(), "job_title").GetCategories()
		list.Bands = bandNames(model.GetChampion())
	}
	var err error
	request := listRequest(query, employeesShown)
	request.PageToken = r.URL.Query().Get("page_token")
	if list.Answer, err = d.employees.ListEmployees(r.Context(), request); err != nil {
		d.fail(v, w, r, persistence, err)
		return
	}
	if v.Partial {
		d.render(v, w, r, http.StatusOK, "", employeeTable(v, &list))
		return
	}
	d.render(v, w, r, http.StatusOK, v.T("employees_title"), employeesPart(v, &list))
}

// listRequest asks for the employees of a question.
func listRequest(query url.Values, size int32) *futurisysv1.ListEmployeesRequest {
	return &futurisysv1.ListEmployeesRequest{
		PageSize: size, OrderBy: query.Get("order_by"), Search: query.Get("search"),
		Department: query.Get("department"), JobTitle: query.Get("job_title"), RiskBand: query.Get("risk_band"),
	}
}

func employeeName(e *futurisysv1.Employee) string {
	if e.GetDisplayName() != "" {
		return e.GetDisplayName()
	}
	return strconv.Itoa(int(e.GetId()))
}
