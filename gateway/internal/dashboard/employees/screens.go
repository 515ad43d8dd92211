// Package employees is the screens about the people on record: the list, one employee
// with score, history and what-if, and the record to be changed.
package employees

import (
	"github.com/futurisys/futurisys/gateway/internal/dashboard/ui"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// handlers answer for the screens.
type handlers struct{ *ui.Site }

// Screens returns the screens.
func Screens(site *ui.Site) []ui.Screen {
	h := &handlers{site}
	return []ui.Screen{
		ui.Page("GET /ui/employees", futurisysv1.EmployeeService_ListEmployees_FullMethodName, h.list),
		ui.Export("GET /ui/employees.csv", futurisysv1.EmployeeService_ListEmployees_FullMethodName, h.export),
		ui.Stream("POST /ui/employees/score", futurisysv1.PredictionService_PredictEmployees_FullMethodName, h.scoreMany),
		ui.Page("GET /ui/employees/{id}", futurisysv1.EmployeeService_GetEmployee_FullMethodName, h.page),
		ui.Page("POST /ui/employees/{id}/score", futurisysv1.PredictionService_PredictEmployees_FullMethodName, h.scoreOne),
		ui.Page("POST /ui/employees/{id}/what-if", futurisysv1.PredictionService_Explain_FullMethodName, h.whatIf),
		ui.Page("GET /ui/employees/{id}/edit", futurisysv1.EmployeeService_UpdateEmployee_FullMethodName, h.editForm),
		ui.Page("POST /ui/employees/{id}/edit", futurisysv1.EmployeeService_UpdateEmployee_FullMethodName, h.edit),
	}
}
