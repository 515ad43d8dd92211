package employees

import (
	"net/http"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"github.com/futurisys/futurisys/gateway/internal/dashboard/form"
	"github.com/futurisys/futurisys/gateway/internal/dashboard/ui"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// editData is what the form of an employee's record shows.
type editData struct {
	Employee *futurisysv1.Employee
	Name     string
	Groups   []form.Group
	Problems []ui.Problem
	Stale    bool // somebody else changed the record in between
	Changes  []ui.Problem
}

// editForm shows an employee's record to be changed.
func (h *handlers) editForm(v *ui.View, w http.ResponseWriter, r *http.Request) {
	employee, ok := h.readRecord(v, w, r)
	if !ok {
		return
	}
	version := h.Models.Last(r.Context()).GetChampion()
	data := &editData{Employee: employee, Name: employee.GetDisplayName(), Groups: optional(form.Groups(v, version, employee.GetProfile(), nil, nil))}
	h.Render(v, w, r, http.StatusOK, v.T("edit_title", "Name", ui.EmployeeName(employee)), editPart(v, data))
}

// edit changes an employee's record, if it is still as it was shown.
func (h *handlers) edit(v *ui.View, w http.ResponseWriter, r *http.Request) {
	if !form.Complete(r.PostForm) || !r.PostForm.Has("display_name") || r.PostForm.Get("etag") == "" {
		h.Refuse(v, w, r, http.StatusBadRequest, v.T("error_form")) // or what it leaves out would be erased
		return
	}
	employee, ok := h.readRecord(v, w, r)
	if !ok {
		return
	}
	version := h.Models.Last(r.Context()).GetChampion()
	profile, problems := form.Read(v, r.PostForm, version, false)
	data := &editData{Employee: employee, Name: strings.TrimSpace(r.PostForm.Get("display_name")), Problems: problems}
	code := http.StatusBadRequest
	if len(problems) == 0 {
		_, err := h.Employees.UpdateEmployee(r.Context(), &futurisysv1.UpdateEmployeeRequest{
			Employee: &futurisysv1.Employee{
				Id: employee.GetId(), DisplayName: data.Name, Profile: profile, Etag: r.PostForm.Get("etag"),
			},
			UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"display_name", "profile"}},
		})
		switch {
		case err == nil:
			http.Redirect(w, r, string(ui.To("employees/%d", employee.GetId())), http.StatusSeeOther) //nolint:gosec // a page of our own
			return
		case status.Code(err) == codes.Aborted:
			data.Stale, code = true, http.StatusPreconditionFailed
			data.Changes = changesBetween(v, version, profile, employee.GetProfile())
		default:
			found := v.FailureOf(w, ui.Persistence, err)
			if data.Problems = found.Problems; len(found.Problems) == 0 {
				v.Failures = append(v.Failures, found)
				code = http.StatusServiceUnavailable
			}
		}
	}
	data.Groups = optional(form.Groups(v, version, nil, r.PostForm, data.Problems))
	h.Render(v, w, r, code, v.T("edit_title", "Name", ui.EmployeeName(employee)), editPart(v, data))
}

// optional are fields none of which a record needs, whatever a version does.
func optional(groups []form.Group) []form.Group {
	for _, group := range groups {
		for i := range group.Fields {
			group.Fields[i].Required = false
		}
	}
	return groups
}

// changesBetween says where the record is not what was typed.
func changesBetween(v *ui.View, version *futurisysv1.ModelVersion, typed, record *futurisysv1.EmployeeProfile) []ui.Problem {
	var out []ui.Problem
	for i := range form.Fields() {
		field := &form.Fields()[i]
		if is := field.Text(record); is != field.Text(typed) {
			data := form.Input{Field: *field, Value: is}
			out = append(out, ui.Problem{Field: field.Name, Label: v.FieldName(field.Name, ui.FeatureOf(version, field.Name)), Text: data.Display(v)})
		}
	}
	return out
}
