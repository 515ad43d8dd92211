package dashboard

import (
	"net/http"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// editShown is what the form of an employee's record shows.
type editShown struct {
	Employee *futurisysv1.Employee
	Name     string
	Groups   []fieldGroup
	Problems []fieldProblem
	Stale    bool // somebody else changed the record in between
	Changes  []fieldProblem
}

// editForm shows an employee's record to be changed.
func (d *Dashboard) editForm(v *view, w http.ResponseWriter, r *http.Request) {
	employee, ok := d.readRecord(v, w, r)
	if !ok {
		return
	}
	version := d.models.last(r.Context()).GetChampion()
	shown := &editShown{Employee: employee, Name: employee.GetDisplayName(), Groups: optional(d.form(v, version, employee.GetProfile(), nil, nil))}
	d.render(v, w, r, http.StatusOK, v.T("edit_title", "Name", employeeName(employee)), editPart(v, shown))
}

func (d *Dashboard) readRecord(v *view, w http.ResponseWriter, r *http.Request) (*futurisysv1.Employee, bool) {
	id, known := employeeID(r)
	if !known {
		d.notFound(v, w, r)
		return nil, false
	}
	employee, err := d.employees.GetEmployee(r.Context(), &futurisysv1.GetEmployeeRequest{Employee: id})
	if err != nil {
		d.fail(v, w, r, persistence, err)
		return nil, false
	}
	return employee, true
}

// edit changes an employee's record, if it is still as it was shown.
func (d *Dashboard) edit(v *view, w http.ResponseWriter, r *http.Request) {
	employee, ok := d.readRecord(v, w, r)
	if !ok {
		return
	}
	version := d.models.last(r.Context()).GetChampion()
	profile, problems := d.readForm(v, r.PostForm, version, false)
	shown := &editShown{Employee: employee, Name: strings.TrimSpace(r.PostForm.Get("display_name")), Problems: problems}
	code := http.StatusBadRequest
	if len(problems) == 0 {
		_, err := d.employees.UpdateEmployee(r.Context(), &futurisysv1.UpdateEmployeeRequest{
			Employee: &futurisysv1.Employee{
				Id: employee.GetId(), DisplayName: shown.Name, Profile: profile, Etag: r.PostForm.Get("etag"),
			},
			UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"display_name", "profile"}},
		})
		switch {
		case err == nil:
			http.Redirect(w, r, string(to("employees/%d", employee.GetId())), http.StatusSeeOther)
			return
		case status.Code(err) == codes.Aborted:
			shown.Stale, code = true, http.StatusPreconditionFailed
			shown.Changes = d.changesBetween(v, version, profile, employee.GetProfile())
		default:
			found := d.failureOf(v, persistence, err)
			if shown.Problems = found.Problems; len(found.Problems) == 0 {
				v.Failures = append(v.Failures, found)
				code = http.StatusServiceUnavailable
			}
		}
	}
	shown.Groups = optional(d.form(v, version, nil, r.PostForm, shown.Problems))
	d.render(v, w, r, code, v.T("edit_title", "Name", employeeName(employee)), editPart(v, shown))
}

// optional are fields none of which a record needs, whatever a version does.
func optional(groups []fieldGroup) []fieldGroup {
	for _, group := range groups {
		for i := range group.Fields {
			group.Fields[i].Required = false
		}
	}
	return groups
}

// changesBetween says where the record is not what was typed.
func (d *Dashboard) changesBetween(v *view, version *futurisysv1.ModelVersion, typed, record *futurisysv1.EmployeeProfile) []fieldProblem {
	var out []fieldProblem
	for i := range d.fields {
		field := &d.fields[i]
		if is := field.text(record); is != field.text(typed) {
			shown := formField{profileField: *field, Value: is}
			out = append(out, fieldProblem{Field: field.Name, Label: v.fieldName(field.Name, featureOf(version, field.Name)), Text: shown.shown(v)})
		}
	}
	return out
}
