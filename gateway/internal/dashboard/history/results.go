package history

import (
	"context"
	"net/http"

	"github.com/google/uuid"

	"github.com/futurisys/futurisys/gateway/internal/dashboard/ui"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// batchOrder is the order of the rows of a batch: of a file that of its lines, else that in
// which they were scored.
func (h *handlers) batchOrder(ctx context.Context, batch string) (string, error) {
	first, err := h.History.ListPredictions(ctx, &futurisysv1.ListPredictionsRequest{PageSize: 1, BatchId: batch, OrderBy: "row_number"})
	if err != nil {
		return "", err //nolint:wrapcheck // a status
	}
	if len(first.GetPredictions()) > 0 && first.GetPredictions()[0].GetRowNumber() > 0 {
		return "row_number", nil
	}
	return "create_time", nil
}

// results shows the predictions of one batch with their reasons.
func (h *handlers) results(v *ui.View, w http.ResponseWriter, r *http.Request) {
	batch := r.PathValue("batch")
	if uuid.Validate(batch) != nil {
		h.NotFound(v, w, r)
		return
	}
	order, err := h.batchOrder(r.Context(), batch)
	if err != nil {
		h.Fail(v, w, r, ui.Persistence, err)
		return
	}
	query := ui.Filters(r.URL.Query(), "risk_band")
	list := &predictionList{Query: query, Path: "batches/" + batch, First: r.URL.Query().Get("page_token") == ""}
	request := &futurisysv1.ListPredictionsRequest{
		PageSize: pageSize, PageToken: r.URL.Query().Get("page_token"), BatchId: batch, RiskBand: query.Get("risk_band"),
		OrderBy: order, IncludeExplanations: true, IncludePrevious: true,
	}
	if err := h.readPredictions(r.Context(), request, list); err != nil {
		h.Fail(v, w, r, ui.Persistence, err)
		return
	}
	for _, band := range ui.BandNames(h.Models.Last(r.Context()).GetChampion()) {
		counted, err := h.History.ListPredictions(r.Context(), &futurisysv1.ListPredictionsRequest{PageSize: 1, BatchId: batch, RiskBand: band})
		if err != nil {
			h.Fail(v, w, r, ui.Persistence, err)
			return
		}
		list.Counts = append(list.Counts, bandCount{band, int(counted.GetTotalSize())})
	}
	h.Render(v, w, r, http.StatusOK, v.T("results_title"), resultsPart(v, list, batch))
}
