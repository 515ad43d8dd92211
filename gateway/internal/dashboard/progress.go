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

// stream answers with a page that grows while work is done.
func (d *Dashboard) stream(v *view, w http.ResponseWriter, r *http.Request, title string, total int, work func(context.Context, *progress) error) {
	v.Partial = false
	part := templ.ComponentFunc(func(ctx context.Context, out io.Writer) error {
		p := &progress{v: v, ctx: r.Context(), w: out, total: total}
		if err := stepsStart(v, title).Render(ctx, out); err != nil {
			return err
		}
		if _, err := io.WriteString(out, `<div class="steps">`); err != nil {
			return err //nolint:wrapcheck // the reader went away
		}
		p.step(0)
		err := work(r.Context(), p)
		if _, writing := io.WriteString(out, `</div>`); writing != nil {
			return writing //nolint:wrapcheck // the reader went away
		}
		if err != nil {
			d.log.InfoContext(r.Context(), "a reader left", "error", err)
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
