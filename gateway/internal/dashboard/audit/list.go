package audit

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/futurisys/futurisys/gateway/internal/dashboard/ui"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

const (
	// pageSize is how many events a page has.
	pageSize = 50
	// named is how many employees of an event are named; of more their count is told.
	named = 5
)

// actions are what the list may be filtered by.
func actions() []string {
	return []string{
		"GetEmployee", "ListEmployees", "BatchGetEmployees", "GetPrediction", "ListPredictions", "ListPredictionConflicts",
		"CreateEmployee", "UpdateEmployee", "DeleteEmployee", "ImportEmployees", "EraseEmployee", "AppendAliasChange", "ListAuditEvents", "CreateKey", "RevokeKey", "SignIn", "SignOut",
	}
}

// eventList is what a page of events shows.
type eventList struct {
	Query   url.Values // the filters that are set
	Answer  *futurisysv1.ListAuditEventsResponse
	First   bool
	Problem string // with a filter
}

// list lists what happened.
func (h *handlers) list(v *ui.View, w http.ResponseWriter, r *http.Request) {
	query := ui.Filters(r.URL.Query(), "employee", "principal", "action", "from", "to")
	list := &eventList{Query: query, First: r.URL.Query().Get("page_token") == ""}
	request := &futurisysv1.ListAuditEventsRequest{
		PageSize: pageSize, PageToken: r.URL.Query().Get("page_token"), Principal: query.Get("principal"), Action: query.Get("action"),
	}
	var problem, days string
	request.Employee, problem = ui.EmployeeFilter(query)
	if request.CreateTimeFrom, request.CreateTimeTo, days = ui.DayFilter(query); days != "" {
		problem = days
	}
	code := http.StatusOK
	if problem != "" {
		list.Problem, code = v.T(problem), http.StatusBadRequest
	} else {
		var err error
		if list.Answer, err = h.Audit.ListAuditEvents(r.Context(), request); err != nil {
			h.Fail(v, w, r, ui.Persistence, err)
			return
		}
	}
	if v.Partial {
		h.Render(v, w, r, code, "", listTable(v, list))
		return
	}
	h.Render(v, w, r, code, v.T("audit_title"), listPart(v, list))
}

// actionName is what an action is called; one that has no name here is called as the API
// calls it.
func actionName(v *ui.View) func(string) string {
	return func(action string) string {
		if slices.Contains(actions(), action) {
			return v.T("action_" + action)
		}
		return action
	}
}

// who are the employees of an event.
func who(v *ui.View, event *futurisysv1.AuditEvent) string {
	ids := event.GetEmployeeIds()
	if len(ids) > named {
		return v.T("audit_employees", "Count", v.Integer(len(ids)))
	}
	texts := make([]string, len(ids))
	for i, id := range ids {
		texts[i] = strconv.Itoa(int(id))
	}
	return strings.Join(texts, ", ")
}
