package dashboard

import (
	"context"
	"io"
	"net/http"

	"github.com/a-h/templ"
)

// progress writes how far a piece of work is into a page that is being sent. Each step
// is an element of its own, of which the stylesheet shows the last: no script is
// needed, and a reader who leaves the page stops the work.
type progress struct {
	v     *view
	ctx   context.Context //nolint:containedctx // of the page that is being sent
	w     io.Writer
	total int
	last  templ.Component
	err   error
}

// step says how many of the rows are done.
func (p *progress) step(done int) {
	if p.err == nil {
		p.err = stepPart(p.v, done, p.total).Render(p.ctx, p.w)
	}
	p.flush()
}

// end is what stands below the steps when the work is over.
func (p *progress) end(part templ.Component) { p.last = part }

// gone says whether the reader has left.
func (p *progress) gone() bool { return p.err != nil || p.ctx.Err() != nil }

func (p *progress) flush() {
	switch w := p.w.(type) {
	case interface{ Flush() error }:
		if err := w.Flush(); p.err == nil {
			p.err = err
		}
	case http.Flusher:
		w.Flush()
	}
}

// stream answers with a page that grows while work on so many rows is done; 0: how many is
// not known yet.
func (d *Dashboard) stream(v *view, w http.ResponseWriter, r *http.Request, title string, total int, work func(context.Context, *progress) error) {
	v.Partial = false
	part := templ.ComponentFunc(func(ctx context.Context, out io.Writer) error {
		p := &progress{v: v, ctx: r.Context(), w: out, total: total}
		if err := stepsStart(title).Render(ctx, out); err != nil {
			return err
		}
		steps := templ.ComponentFunc(func(context.Context, io.Writer) error {
			p.step(0)
			return work(r.Context(), p)
		})
		if err := stepsPart().Render(templ.WithChildren(ctx, steps), out); err != nil {
			d.log.InfoContext(r.Context(), "a page of progress was cut off", "error", err)
			return err
		}
		if p.last == nil {
			return nil
		}
		return p.last.Render(ctx, out)
	})
	d.render(v, w, r, http.StatusOK, title, part)
}

// shownOf are the bad rows that a page lists.
func shownOf(bad []badRow) []badRow {
	const most = 1_000
	return bad[:min(len(bad), most)]
}
