package dashboard

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/google/uuid"

	"github.com/futurisys/futurisys/proto/catalogue"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

const (
	// scoredTogether is how many rows go in one call: between two of them the page says
	// how far it is.
	scoredTogether = 250
	// maxScored is how many rows one batch may have.
	maxScored = 10_000
	// listedTogether is how many employees are listed in one call.
	listedTogether = 1_000
)

// badRow is a row that was not scored, and why.
type badRow struct {
	Name     string
	Link     string
	Problems []fieldProblem
	Text     string
}

// scored is what came of a batch.
type scored struct {
	Batch string
	Count int
	Bad   []badRow
}

// employeesScore scores the ticked employees, or all that the list has, and shows how
// far it is.
func (d *Dashboard) employeesScore(v *view, w http.ResponseWriter, r *http.Request) {
	ids, err := d.chosen(r.Context(), r.PostForm)
	switch {
	case errors.Is(err, errTooMany):
		d.refuse(v, w, r, http.StatusBadRequest, v.T("score_too_many", "Most", v.Integer(maxScored)))
		return
	case errors.Is(err, strconv.ErrSyntax), errors.Is(err, strconv.ErrRange):
		d.refuse(v, w, r, http.StatusBadRequest, v.T("error_form"))
		return
	case err != nil:
		d.fail(v, w, r, persistence, err)
		return
	case len(ids) == 0:
		d.refuse(v, w, r, http.StatusBadRequest, v.T("score_none"))
		return
	}
	model, err := d.models.get(r.Context())
	if err != nil {
		d.fail(v, w, r, inference, err)
		return
	}
	d.stream(v, w, r, v.T("scoring_title"), len(ids), func(ctx context.Context, p *progress) error {
		out := &scored{Batch: uuid.NewString()}
		done := 0
		for part := range slices.Chunk(ids, scoredTogether) {
			answer, err := d.predictions.PredictEmployees(ctx, &futurisysv1.PredictEmployeesRequest{
				Model: model.GetName(), EmployeeIds: part, BatchId: out.Batch, Explain: &futurisysv1.ExplainOptions{},
				RequestId: requestID(r.PostForm.Get("request_id"), ids, done),
			})
			if err != nil {
				return d.interrupted(v, p, out, err)
			}
			// A page that is sent twice gets the first answers again, in their batch.
			d.gather(v, out, answer.GetResults(), func(i int32) badRow {
				return badRow{Name: strconv.Itoa(int(part[i])), Link: string(to("employees/%d", part[i]))}
			})
			done += len(part)
			p.step(done)
		}
		p.end(scoredPart(v, out))
		return nil
	})
}

var errTooMany = errors.New("too many")

// chosen are the ids that a form asks for: those that are ticked, or all of its filter.
func (d *Dashboard) chosen(ctx context.Context, form url.Values) ([]int32, error) {
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
		if ids = slices.Compact(ids); len(ids) > maxScored {
			return nil, errTooMany
		}
		return ids, nil
	}
	query := url.Values{}
	for _, name := range employeeFilters() {
		query.Set(name, form.Get("filter_"+name))
	}
	whole := func(read func(context.Context) error) error { return read(ctx) }
	err := d.eachEmployee(whole, query, func(e *futurisysv1.Employee) error {
		if ids = append(ids, e.GetId()); len(ids) > maxScored {
			return errTooMany
		}
		return nil
	})
	return ids, err
}

// eachEmployee goes through all employees of a question; paged reads each page in its time.
func (d *Dashboard) eachEmployee(paged func(read func(context.Context) error) error, query url.Values, visit func(*futurisysv1.Employee) error) error {
	request := listRequest(query, listedTogether)
	for {
		var answer *futurisysv1.ListEmployeesResponse
		err := paged(func(ctx context.Context) error {
			var err error
			answer, err = d.employees.ListEmployees(ctx, request)
			return err //nolint:wrapcheck // a status
		})
		if err != nil {
			return err
		}
		for _, e := range answer.GetEmployees() {
			if err := visit(e); err != nil {
				return err
			}
		}
		if request.PageToken = answer.GetNextPageToken(); request.GetPageToken() == "" {
			return nil
		}
	}
}

// requestID makes a call's own name of a page's and of what it asks for: the page sent
// again is a retry, and another question on the same page is another call.
func requestID(page string, question ...any) string {
	if page == "" {
		return ""
	}
	sum := sha256.Sum256(fmt.Append([]byte(page), question...))
	return hex.EncodeToString(sum[:16])
}

// gather counts results, and keeps those that failed; named says which row a place is.
func (d *Dashboard) gather(v *view, out *scored, results []*futurisysv1.RowResult, named func(index int32) badRow) {
	for _, result := range results {
		if prediction := result.GetPrediction(); prediction != nil {
			out.Count++
			out.Batch = prediction.GetBatchId()
			continue
		}
		bad := named(result.GetIndex())
		bad.Text = catalogue.Sentence(v.language(), result.GetError().GetReason(), result.GetError().GetParameters())
		bad.Problems = append(bad.Problems, v.fieldProblems(result.GetError().GetViolations())...)
		out.Bad = append(out.Bad, bad)
	}
}

// interrupted ends a stream that a service could not finish: what is done stays done.
func (d *Dashboard) interrupted(v *view, p *progress, out *scored, err error) error {
	if p.gone() {
		return err
	}
	p.end(interruptedPart(v, d.failureOf(v, inference, err), out))
	return nil
}
