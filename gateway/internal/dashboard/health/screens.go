// Package health is the screen of what runs, and how it is.
package health

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
		ui.Page("GET /ui/health", futurisysv1.StatusService_GetStatus_FullMethodName, h.page),
	}
}
