package ui

import (
	"context"
	"io"
	"net/http"

	"github.com/a-h/templ"
)

// Progress writes how far a piece of work is into a page that is being sent. Each step
// is an element of its own, of which the stylesheet shows the last: no script is
// needed, and a reader who leaves the page stops the work.
type Progress struct {
	v     *View
	ctx   context.Context //nolint:containedctx // of the page that is being sent
	w     io.Writer
	to    http.ResponseWriter // what w ends up in
	total int
	last  templ.Component
	err   error
}

// Step says how many of the rows are done.
func (p *Progress) Step(done int) {
	if p.err == nil {
		p.err = stepPart(p.v, done, p.total).Render(p.ctx, p.w)
	}
	p.flush()
}

// Of says how many rows are done of how many, where that is only known by now.
func (p *Progress) Of(done, total int) {
	p.total = total
	p.Step(done)
}

// End is what stands below the steps when the work is over.
func (p *Progress) End(part templ.Component) { p.last = part }

// Failure is what the page says of an error that ends the work.
func (p *Progress) Failure(service string, err error) Failure {
	return p.v.FailureOf(p.to, service, err)
}

// Gone says whether the reader has left.
func (p *Progress) Gone() bool { return p.err != nil || p.ctx.Err() != nil }

func (p *Progress) flush() {
	switch w := p.w.(type) {
	case interface{ Flush() error }:
		if err := w.Flush(); p.err == nil {
			p.err = err
		}
	case http.Flusher:
		w.Flush()
	}
}

// Stream answers with a page that grows while work on so many rows is done; 0: how many is
// not known yet.
func (site *Site) Stream(v *View, w http.ResponseWriter, r *http.Request, title string, total int, work func(context.Context, *Progress) error) {
	v.Partial = false
	part := templ.ComponentFunc(func(ctx context.Context, out io.Writer) error {
		p := &Progress{v: v, ctx: r.Context(), w: out, to: w, total: total}
		if err := stepsStart(title).Render(ctx, out); err != nil {
			return err
		}
		steps := templ.ComponentFunc(func(context.Context, io.Writer) error {
			p.Step(0)
			return work(r.Context(), p)
		})
		if err := stepsPart().Render(templ.WithChildren(ctx, steps), out); err != nil {
			site.Log.InfoContext(r.Context(), "a page of progress was cut off", "error", err)
			return err
		}
		if p.last == nil {
			return nil
		}
		return p.last.Render(ctx, out)
	})
	site.Render(v, w, r, http.StatusOK, title, part)
}
