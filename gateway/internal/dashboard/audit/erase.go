package audit

import (
	"net/http"
	"strconv"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/futurisys/futurisys/gateway/internal/dashboard/ui"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// erasing is what the form of erasing a person shows.
type erasing struct {
	Employee string // as it was typed
	Problem  string
	Erased   *futurisysv1.EraseEmployeeResponse
}

// eraseForm asks who is to be erased.
func (h *handlers) eraseForm(v *ui.View, w http.ResponseWriter, r *http.Request) {
	h.Render(v, w, r, http.StatusOK, v.T("erase_title"), erasePart(v, &erasing{}))
}

// erase erases a person whose number was typed twice.
func (h *handlers) erase(v *ui.View, w http.ResponseWriter, r *http.Request) {
	e := &erasing{Employee: strings.TrimSpace(r.PostForm.Get("employee"))}
	code := http.StatusOK
	id, err := strconv.ParseInt(e.Employee, 10, 32)
	switch {
	case err != nil || id < 1:
		e.Problem, code = v.T("problem_employee"), http.StatusBadRequest
	case strings.TrimSpace(r.PostForm.Get("again")) != e.Employee:
		e.Problem, code = v.T("erase_not_same"), http.StatusBadRequest
	default:
		e.Erased, err = h.Employees.EraseEmployee(r.Context(), &futurisysv1.EraseEmployeeRequest{Employee: int32(id)})
		if status.Code(err) == codes.NotFound {
			e.Problem, code = v.T("problem_no_employee"), http.StatusNotFound
		} else if err != nil {
			h.Fail(v, w, r, ui.Persistence, err)
			return
		}
	}
	h.Render(v, w, r, code, v.T("erase_title"), erasePart(v, e))
}
