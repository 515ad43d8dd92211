// Package counterfactual looks for the smallest changes of a row, among the features
// that a manager can change, that bring its probability under a threshold. It says what
// a model would answer, not what a change would cause.
package counterfactual

import (
	"context"
	"fmt"
	"slices"

	"github.com/futurisys/futurisys/services/inference/internal/engine"
)

const (
	// maxRows is how many rows are scored for changes of so many features, over all
	// choices of these features.
	maxRows = 16_384
	// maxValues bounds the range of a number.
	maxValues = 1 << 20
	// chunkRows is how many rows are scored in one run.
	chunkRows = 4_096
)

// Outcome says what a search found.
type Outcome int

// The outcomes.
const (
	Found     Outcome = iota
	NotNeeded         // the row is under the threshold as it is
	None              // nothing that was tried is enough
)

// Result is what a search found.
type Result struct {
	Outcome     Outcome
	Row         []float32 // with the changes: with None, those that help the most
	Probability float64   // of Row
	Exhaustive  bool      // whether every value was tried
	Tried       int       // rows
}

// Search finds the changes of the fewest features that bring the row under the
// threshold, and among these the smallest: changes of one feature are tried first, then
// of two, and so on. Where that would be too many rows, numbers are tried at fewer
// values, evenly over their range, and what was found is then made as small as it can be.
func Search(ctx context.Context, session engine.Session, row []float32, levers []Lever, threshold float64) (*Result, error) {
	s := &search{
		ctx: ctx, session: session, row: row, levers: levers, threshold: threshold,
		result: Result{Outcome: None, Row: row, Exhaustive: true},
	}
	if err := s.try([][]Step{{}}, nil); err != nil {
		return nil, err
	}
	s.result.Probability = s.lowest
	if s.lowest < threshold {
		s.result.Outcome = NotNeeded
		return &s.result, nil
	}
	for count := 1; count <= len(levers); count++ {
		subsets := choose(len(levers), count)
		if len(subsets) > maxRows {
			s.result.Exhaustive = false
			break
		}
		for _, chosen := range subsets {
			steps := s.stepsOf(chosen, max(maxRows/len(subsets), 1))
			if err := s.try(product(steps), chosen); err != nil {
				return nil, err
			}
		}
		if s.best != nil {
			return s.found()
		}
	}
	s.result.Row, s.result.Probability = s.lowestRow, s.lowest
	return &s.result, nil
}

// search is one search under way.
type search struct {
	ctx       context.Context
	session   engine.Session
	row       []float32
	levers    []Lever
	threshold float64
	result    Result

	best       []Step // under the threshold, the smallest of those with as few features
	bestChosen []int  // levers of best
	bestSize   float64
	bestScore  float64
	lowest     float64   // probability of any row
	lowestRow  []float32 // nil: none was scored yet
}

// stepsOf are the steps of the chosen levers, of numbers so many that all their
// combinations are no more than the limit.
func (s *search) stepsOf(chosen []int, limit int) [][]Step {
	steps := make([][]Step, len(chosen))
	total := 1
	for i, lever := range chosen {
		steps[i] = s.levers[lever].Steps
		total *= len(steps[i])
	}
	for total > limit {
		longest := -1
		for i, lever := range chosen {
			if s.levers[lever].number && len(steps[i]) > 1 && (longest < 0 || len(steps[i]) > len(steps[longest])) {
				longest = i
			}
		}
		if longest < 0 {
			break // only categories are left: they are few
		}
		total /= len(steps[longest])
		steps[longest] = halve(steps[longest])
		total *= len(steps[longest])
		s.result.Exhaustive = false
	}
	return steps
}

// halve leaves every second step, the last always.
func halve(steps []Step) []Step {
	out := make([]Step, 0, len(steps)/2+1)
	for i := len(steps) - 1; i >= 0; i -= 2 {
		out = append(out, steps[i])
	}
	slices.Reverse(out)
	return out
}

// try scores the row with each of the combinations of the chosen levers' steps.
func (s *search) try(combinations [][]Step, chosen []int) error {
	width := len(s.row)
	for start := 0; start < len(combinations); start += chunkRows {
		if err := s.ctx.Err(); err != nil {
			return err //nolint:wrapcheck // the caller went away
		}
		part := combinations[start:min(start+chunkRows, len(combinations))]
		rows := make([]float32, 0, len(part)*width)
		for _, steps := range part {
			rows = append(rows, s.row...)
			for i, step := range steps {
				rows[len(rows)-width+s.levers[chosen[i]].Column] = step.Value
			}
		}
		scores := make([]float32, len(part))
		if err := s.session.Score(rows, scores); err != nil {
			return fmt.Errorf("score %d changed rows: %w", len(part), err)
		}
		s.result.Tried += len(part)
		for i, steps := range part {
			s.consider(steps, chosen, float64(scores[i]), rows[i*width:(i+1)*width])
		}
	}
	return nil
}

func (s *search) consider(steps []Step, chosen []int, score float64, row []float32) {
	if s.lowestRow == nil || score < s.lowest {
		s.lowest, s.lowestRow = score, row
	}
	if !(score < s.threshold) {
		return
	}
	size := 0.0
	for _, step := range steps {
		size += step.Size
	}
	if s.best == nil || size < s.bestSize || size == s.bestSize && score < s.bestScore {
		s.best, s.bestChosen, s.bestSize, s.bestScore = steps, chosen, size, score
	}
}

// found makes the best combination smaller, number by number, and returns it.
func (s *search) found() (*Result, error) {
	for i, lever := range s.bestChosen {
		if !s.levers[lever].number {
			continue
		}
		var nearer [][]Step
		for _, step := range s.levers[lever].Steps {
			if step.Size >= s.best[i].Size {
				break
			}
			smaller := append([]Step{}, s.best...)
			smaller[i] = step
			nearer = append(nearer, smaller)
		}
		if len(nearer) > maxRows {
			nearer = nearer[len(nearer)-maxRows:]
			s.result.Exhaustive = false
		}
		if err := s.try(nearer, s.bestChosen); err != nil {
			return nil, err
		}
	}
	s.result.Outcome = Found
	s.result.Row = append([]float32{}, s.row...)
	for i, step := range s.best {
		s.result.Row[s.levers[s.bestChosen[i]].Column] = step.Value
	}
	s.result.Probability = s.bestScore
	return &s.result, nil
}

// product are all combinations of one step of each.
func product(steps [][]Step) [][]Step {
	out := [][]Step{{}}
	for _, one := range steps {
		longer := make([][]Step, 0, len(out)*len(one))
		for _, head := range out {
			for _, step := range one {
				longer = append(longer, append(slices.Clip(head), step))
			}
		}
		out = longer
	}
	return out
}

// choose are the ways to choose count of the first so many numbers.
func choose(of, count int) [][]int {
	var out [][]int
	var add func(chosen []int, from int)
	add = func(chosen []int, from int) {
		if len(chosen) == count {
			out = append(out, append([]int{}, chosen...))
			return
		}
		for next := from; next < of; next++ {
			add(append(chosen, next), next+1)
		}
	}
	add(nil, 0)
	return out
}
