package registry

import (
	"context"
	"time"

	"github.com/futurisys/futurisys/services/inference/internal/explain"
	"github.com/futurisys/futurisys/services/platform/guarded"
)

// Bounds of finding the importance of a version's features. An estimate takes thousands of
// runs of the graph for each row.
const (
	importanceTime = 30 * time.Second
	estimatedRows  = 10
)

// findImportance finds the mean absolute contribution of each feature over the background
// rows. Where that is exact it is soon done; an estimate is made beside everything else:
// nobody waits for it, it uses the version as a call does, and it ends with the registry.
func (r *Registry) findImportance(v *Version) {
	rows, width := v.background, v.Plan.Width()
	v.background = nil
	find := func() error {
		ctx, cancel := context.WithTimeout(r.lifetime, importanceTime)
		defer cancel()
		found, err := explain.Importance(ctx, v.Explainer, rows, width)
		if err == nil {
			v.importance.Store(&found)
		}
		return err //nolint:wrapcheck // it says what it was doing
	}
	logged := func() {
		if err := guarded.Call(find); err != nil {
			r.options.Logger.Warn("the importance of the features was not found", "model", v.Model, "version", v.Number, "error", err)
		}
	}
	if v.Explainer.Method() != explain.Permutation {
		logged()
		return
	}
	rows = rows[:min(len(rows), estimatedRows*width)]
	if v.Acquire() {
		r.works.Go(func() {
			defer v.Release()
			logged()
		})
	}
}

// Importance is the mean absolute contribution of each feature over the background rows,
// in the order of the graph; nil: it is not found yet, or could not be.
func (v *Version) Importance() []float64 {
	if found := v.importance.Load(); found != nil {
		return *found
	}
	return nil
}
