// Package history is the screens of what is on record: the list of predictions, the results
// of a batch, one prediction.
package history

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
		ui.Page("GET /ui/history", futurisysv1.PredictionHistoryService_ListPredictions_FullMethodName, h.list),
		ui.Export("GET /ui/history.csv", futurisysv1.PredictionHistoryService_ListPredictions_FullMethodName, h.export),
		ui.Page("GET /ui/batches/{batch}", futurisysv1.PredictionHistoryService_ListPredictions_FullMethodName, h.results),
		ui.Page("GET /ui/predictions/{id}", futurisysv1.PredictionHistoryService_GetPrediction_FullMethodName, h.prediction),
	}
}
