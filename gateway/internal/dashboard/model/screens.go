// Package model is the screens of the model: its card, figures, versions, threshold and
// curves.
package model

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
		ui.Page("GET /ui/model", futurisysv1.ModelService_GetModel_FullMethodName, h.page),
		ui.Page("GET /ui/model/threshold", futurisysv1.ModelService_GetModelVersion_FullMethodName, h.threshold),
		ui.Page("GET /ui/model/curve", futurisysv1.ModelService_ListFeatureCurves_FullMethodName, h.curve),
		ui.Page("GET /ui/model/alias", futurisysv1.ModelService_SetModelAlias_FullMethodName, h.aliasConfirm),
		ui.Page("POST /ui/model/alias", futurisysv1.ModelService_SetModelAlias_FullMethodName, h.aliasChange),
	}
}
