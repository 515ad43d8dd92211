// Package importing is the screen that puts the extracts of HR on record.
package importing

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
		ui.Page("GET /ui/import", futurisysv1.EmployeeService_ImportEmployees_FullMethodName, h.form),
		ui.Stream("POST /ui/import", futurisysv1.EmployeeService_ImportEmployees_FullMethodName, h.importFiles),
	}
}
