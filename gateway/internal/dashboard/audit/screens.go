// Package audit is the screens of who looked at whom, and of erasing a person.
package audit

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
		ui.Page("GET /ui/audit", futurisysv1.AuditService_ListAuditEvents_FullMethodName, h.list),
		ui.Page("GET /ui/erase", futurisysv1.EmployeeService_EraseEmployee_FullMethodName, h.eraseForm),
		ui.Page("POST /ui/erase", futurisysv1.EmployeeService_EraseEmployee_FullMethodName, h.erase),
	}
}
