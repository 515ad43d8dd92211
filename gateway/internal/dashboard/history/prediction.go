package history

import (
	"net/http"

	"github.com/google/uuid"

	"github.com/futurisys/futurisys/gateway/internal/dashboard/form"
	"github.com/futurisys/futurisys/gateway/internal/dashboard/ui"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// prediction shows one prediction as it was given.
func (h *handlers) prediction(v *ui.View, w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	if uuid.Validate(id) != nil {
		h.NotFound(v, w, r)
		return
	}
	prediction, err := h.History.GetPrediction(r.Context(), &futurisysv1.GetPredictionRequest{Prediction: id})
	if err != nil {
		h.Fail(v, w, r, ui.Persistence, err)
		return
	}
	var version *futurisysv1.ModelVersion
	if model := h.Models.Last(r.Context()); model != nil {
		version = model.GetChampion()
	}
	groups := form.Groups(v, version, prediction.GetProfile(), nil, nil)
	h.Render(v, w, r, http.StatusOK, v.T("prediction_title"), predictionPart(v, prediction, version, groups))
}
