// Package outcome is what became of a batch of rows: how many were scored, and which were
// not and why.
package outcome

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/futurisys/futurisys/gateway/internal/dashboard/ui"
	"github.com/futurisys/futurisys/proto/catalogue"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

const (
	// Together is how many rows go in one call: between two of them the page says how far
	// it is.
	Together = 250
	// Max is how many rows one batch may have.
	Max = 10_000
)

// BadRow is a row that was not scored, and why.
type BadRow struct {
	Name     string
	Link     string
	Problems []ui.Problem
	Text     string
}

// Outcome is what came of a batch.
type Outcome struct {
	Batch string
	Count int
	Bad   []BadRow
}

// RequestID makes a call's own name of a page's and of what it asks for: the page sent
// again is a retry, and another question on the same page is another call.
func RequestID(page string, question ...any) string {
	if page == "" {
		return ""
	}
	sum := sha256.Sum256(fmt.Append([]byte(page), question...))
	return hex.EncodeToString(sum[:16])
}

// Add counts results, and keeps those that failed; named says which row a place is.
func (out *Outcome) Add(v *ui.View, results []*futurisysv1.RowResult, named func(index int32) BadRow) {
	for _, result := range results {
		if prediction := result.GetPrediction(); prediction != nil {
			out.Count++
			out.Batch = prediction.GetBatchId()
			continue
		}
		bad := named(result.GetIndex())
		bad.Text = catalogue.Sentence(v.Catalogue(), result.GetError().GetReason(), result.GetError().GetParameters())
		bad.Problems = append(bad.Problems, v.Problems(result.GetError().GetViolations())...)
		out.Bad = append(out.Bad, bad)
	}
}

// Interrupt ends a stream that a service could not finish: what is done stays done.
func (out *Outcome) Interrupt(v *ui.View, p *ui.Progress, err error) error {
	if p.Gone() {
		return err
	}
	p.End(interruptedPart(v, p.Failure(ui.Inference, err), out))
	return nil
}

// listed are the bad rows that a page lists.
func listed(bad []BadRow) []BadRow {
	const limit = 1_000
	return bad[:min(len(bad), limit)]
}
