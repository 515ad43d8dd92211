package dashboard

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// healthPage shows what runs, and how it is.
func (d *Dashboard) healthPage(v *view, w http.ResponseWriter, r *http.Request) {
	found, err := d.status.GetStatus(r.Context(), &futurisysv1.GetStatusRequest{})
	if err != nil {
		d.fail(v, w, r, inference, err)
		return
	}
	if v.Partial {
		d.render(v, w, r, http.StatusOK, "", servicesPart(v, found.GetServices()))
		return
	}
	d.render(v, w, r, http.StatusOK, v.T("health_title"), healthPart(v, found.GetServices()))
}

// detailNames are what a service says of itself, in one order.
func detailNames(service *futurisysv1.ServiceStatus) []string {
	return slices.Sorted(maps.Keys(service.GetDetails()))
}

func (v *view) detailName(name string) string {
	if v.Has("detail_" + name) {
		return v.T("detail_" + name)
	}
	return name
}

// detailValue is a detail's value: one of a few words in the reader's language, else as
// the service has it.
func (v *view) detailValue(name, value string) string {
	if key := "detail_" + name + "_" + strings.ReplaceAll(value, "-", "_"); v.Has(key) {
		return v.T(key)
	}
	return value
}

// unreadyReason is why a service cannot answer; one that was not reached says nothing of
// itself.
func (v *view) unreadyReason(service *futurisysv1.ServiceStatus) string {
	if service.GetVersion() == "" {
		return v.T("no_answer")
	}
	return service.GetReason()
}
