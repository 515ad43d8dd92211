package employees

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/google/uuid"

	"github.com/futurisys/futurisys/gateway/internal/dashboard/outcome"
	"github.com/futurisys/futurisys/gateway/internal/dashboard/ui"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// scoreMany scores the ticked employees, or all that the list has, and shows how
// far it is.
func (h *handlers) scoreMany(v *ui.View, w http.ResponseWriter, r *http.Request) {
	ids, err := h.chosen(r.Context(), r.PostForm)
	switch {
	case errors.Is(err, errTooMany):
		h.Refuse(v, w, r, http.StatusBadRequest, v.T("score_too_many", "Most", v.Integer(outcome.Max)))
		return
	case errors.Is(err, strconv.ErrSyntax), errors.Is(err, strconv.ErrRange):
		h.Refuse(v, w, r, http.StatusBadRequest, v.T("error_form"))
		return
	case err != nil:
		h.Fail(v, w, r, ui.Persistence, err)
		return
	case len(ids) == 0:
		h.Refuse(v, w, r, http.StatusBadRequest, v.T("score_none"))
		return
	}
	model, err := h.Models.Get(r.Context())
	if err != nil {
		h.Fail(v, w, r, ui.Inference, err)
		return
	}
	h.Stream(v, w, r, v.T("scoring_title"), len(ids), func(ctx context.Context, p *ui.Progress) error {
		out := &outcome.Outcome{Batch: uuid.NewString()}
		done := 0
		for part := range slices.Chunk(ids, outcome.Together) {
			answer, err := h.Predictions.PredictEmployees(ctx, &futurisysv1.PredictEmployeesRequest{
				Model: model.GetName(), EmployeeIds: part, BatchId: out.Batch, Explain: &futurisysv1.ExplainOptions{},
				RequestId: outcome.RequestID(r.PostForm.Get("request_id"), ids, done),
			})
			if err != nil {
				return out.Interrupt(v, p, err)
			}
			// A page that is sent twice gets the first answers again, in their batch.
			out.Add(v, answer.GetResults(), func(i int32) outcome.BadRow {
				return outcome.BadRow{Name: strconv.Itoa(int(part[i])), Link: string(ui.To("employees/%d", part[i]))}
			})
			done += len(part)
			p.Step(done)
		}
		p.End(outcome.Done(v, out))
		return nil
	})
}

var errTooMany = errors.New("too many")

// chosen are the ids that a form asks for: those that are ticked, or all of its filter.
func (h *handlers) chosen(ctx context.Context, form url.Values) ([]int32, error) {
	var ids []int32
	if form.Get("which") != "all" {
		for _, text := range form["id"] {
			id, err := strconv.ParseInt(text, 10, 32)
			if err != nil {
				return nil, err //nolint:wrapcheck // told apart by the caller
			}
			ids = append(ids, int32(id))
		}
		slices.Sort(ids)
		if ids = slices.Compact(ids); len(ids) > outcome.Max {
			return nil, errTooMany
		}
		return ids, nil
	}
	query := url.Values{}
	for _, name := range filters() {
		query.Set(name, form.Get("filter_"+name))
	}
	inTheirTime := func(read func(context.Context) error) error { return read(ctx) }
	err := h.eachEmployee(inTheirTime, query, func(e *futurisysv1.Employee) error {
		if ids = append(ids, e.GetId()); len(ids) > outcome.Max {
			return errTooMany
		}
		return nil
	})
	return ids, err
}

// scoreOne scores an employee now, and shows the page again.
func (h *handlers) scoreOne(v *ui.View, w http.ResponseWriter, r *http.Request) {
	id, known := employeeID(r)
	if !known {
		h.NotFound(v, w, r)
		return
	}
	model, err := h.Models.Get(r.Context())
	if err != nil {
		h.Fail(v, w, r, ui.Inference, err)
		return
	}
	answer, err := h.Predictions.PredictEmployees(r.Context(), &futurisysv1.PredictEmployeesRequest{
		Model: model.GetName(), EmployeeIds: []int32{id}, Explain: &futurisysv1.ExplainOptions{},
		RequestId: outcome.RequestID(r.PostForm.Get("request_id"), id),
	})
	if err != nil {
		h.Fail(v, w, r, ui.Inference, err)
		return
	}
	if answer.GetFailedCount() > 0 {
		out := &outcome.Outcome{}
		out.Add(v, answer.GetResults(), func(int32) outcome.BadRow {
			return outcome.BadRow{Name: strconv.Itoa(int(id)), Link: string(ui.To("employees/%d", id))}
		})
		h.Render(v, w, r, http.StatusBadRequest, v.T("error_title"), badRowsPart(v, out.Bad))
		return
	}
	http.Redirect(w, r, string(ui.To("employees/%d", id)), http.StatusSeeOther) //nolint:gosec // a page of our own
}
