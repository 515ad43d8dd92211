package history

import (
	"context"
	"errors"
	"net/http"

	"github.com/futurisys/futurisys/gateway/internal/dashboard/scorecard"
	"github.com/futurisys/futurisys/gateway/internal/dashboard/ui"
)

// export exports all predictions of a question.
func (h *handlers) export(v *ui.View, w http.ResponseWriter, r *http.Request) {
	if h.RefuseUnknown(v, w, r, filters()) {
		return
	}
	request, problem := requestOf(ui.Filters(r.URL.Query(), filters()...))
	if problem != "" {
		h.Refuse(v, w, r, http.StatusBadRequest, v.T(problem))
		return
	}
	request.PageSize, request.IncludeExplanations, request.IncludePrevious = ui.ListedTogether, true, true
	h.nameModel(r.Context(), request)
	if request.GetBatchId() != "" {
		var err error
		if request.OrderBy, err = h.batchOrder(r.Context(), request.GetBatchId()); err != nil {
			h.Fail(v, w, r, ui.Persistence, err)
			return
		}
	}
	var t *ui.Table
	for {
		list := &predictionList{}
		err := ui.Step(w, r, func(ctx context.Context) error { return h.readPredictions(ctx, request, list) })
		if t != nil {
			err = errors.Join(err, t.Err())
		}
		if err != nil {
			h.Cut(v, w, r, t != nil, err)
			return
		}
		if t == nil {
			ui.AsFile(w, "futurisys.csv")
			t = ui.NewTable(v, w)
			t.Row(scorecard.Header(v))
		}
		for _, p := range list.Answer.GetPredictions() {
			t.Row(scorecard.Cells(v, t, p, list.who(v, p)))
		}
		if request.PageToken = list.Answer.GetNextPageToken(); request.GetPageToken() == "" {
			break
		}
	}
	if err := t.Close(); err != nil {
		h.Log.DebugContext(r.Context(), "write an export", "error", err)
	}
}
