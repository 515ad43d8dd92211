package health

import (
	"maps"
	"net/http"
	"slices"

	"github.com/futurisys/futurisys/gateway/internal/dashboard/ui"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// page shows what runs, and how it is.
func (h *handlers) page(v *ui.View, w http.ResponseWriter, r *http.Request) {
	found, err := h.Status.GetStatus(r.Context(), &futurisysv1.GetStatusRequest{})
	if err != nil {
		h.Fail(v, w, r, ui.Inference, err)
		return
	}
	if v.Partial {
		h.Render(v, w, r, http.StatusOK, "", servicesPart(v, found.GetServices()))
		return
	}
	h.Render(v, w, r, http.StatusOK, v.T("health_title"), healthPart(v, found.GetServices()))
}

// detailNames are what a service says of itself, in one order.
func detailNames(service *futurisysv1.ServiceStatus) []string {
	return slices.Sorted(maps.Keys(service.GetDetails()))
}

func detailName(v *ui.View, name string) string {
	if v.Has("detail_" + name) {
		return v.T("detail_" + name)
	}
	return name
}

// unreadyReason is why a service cannot answer; one that was not reached says nothing of
// itself.
func unreadyReason(v *ui.View, service *futurisysv1.ServiceStatus) string {
	if service.GetVersion() == "" {
		return v.T("no_answer")
	}
	return service.GetReason()
}
