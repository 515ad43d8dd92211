// Package scoring is the screens that score people who are on no record: a form, and a
// file.
package scoring

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
		ui.Page("GET /ui/simulate", futurisysv1.PredictionService_Predict_FullMethodName, h.simulateForm),
		ui.Page("POST /ui/simulate", futurisysv1.PredictionService_Predict_FullMethodName, h.simulate),
		ui.Page("GET /ui/batch", futurisysv1.PredictionService_BatchPredict_FullMethodName, h.batchForm),
		ui.Page("POST /ui/batch/check", futurisysv1.PredictionService_BatchPredict_FullMethodName, h.batchCheck),
		ui.Stream("POST /ui/batch/score", futurisysv1.PredictionService_BatchPredict_FullMethodName, h.batchScore),
	}
}
