package registry

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/futurisys/futurisys/services/inference/internal/modelpkg"
)

// ErrAnswer says that a graph does not give a probability for a row that it must answer.
var ErrAnswer = errors.New("the graph does not give a probability for every row that it must answer")

// IsProbability says whether a graph's answer is one: a number from 0 to 1.
func IsProbability(answer float64) bool { return answer >= 0 && answer <= 1 } // NaN is not

// Bounds of the rows that a graph is tried on.
const (
	probedRows = 16 // golden rows that are varied
	// probeTolerance is how far the answer to a row may depend on the rows beside it.
	probeTolerance = 1e-5
)

// probe is a row to try, and what is unusual about it.
type probe struct {
	what string
	row  []float32
}

// checkAnswers tries what callers may send and the golden rows may not have: each
// optional field empty, each category, the ends of every range, on golden rows. golden
// are these, encoded. Every answer must be a probability, and the same in whatever
// company the row comes.
func (v *Version) checkAnswers(golden []float32) error {
	width := v.Plan.Width()
	count := len(golden) / width
	probes := make([]probe, 0, probedRows)
	for i := range min(count, probedRows) {
		at := i * count / min(count, probedRows) // spread over all
		probes = append(probes, v.vary(golden[at*width:(at+1)*width])...)
	}
	var rows []float32
	for _, p := range probes {
		rows = append(rows, p.row...)
	}
	together := make([]float32, len(probes))
	if err := v.Session.Score(rows, together); err != nil {
		return fmt.Errorf("%w: %w", ErrAnswer, err)
	}
	alone := make([]float32, 1)
	for i, p := range probes {
		if !IsProbability(float64(together[i])) {
			return fmt.Errorf("%w: %s gives %g", ErrAnswer, p.what, together[i])
		}
		if i >= len(probes)/probedRows { // those of one row are enough
			continue
		}
		if err := v.Session.Score(p.row, alone); err != nil {
			return fmt.Errorf("%w: %s alone: %w", ErrAnswer, p.what, err)
		}
		if difference := math.Abs(float64(alone[0] - together[i])); !(difference <= probeTolerance) {
			return fmt.Errorf("%w: %s gives %g alone and %g among other rows", ErrAnswer, p.what, alone[0], together[i])
		}
	}
	return nil
}

// vary makes the probes of one row.
func (v *Version) vary(row []float32) []probe {
	var out []probe
	moved := func(what string, values map[int]float32) {
		p := probe{what: what, row: slices.Clone(row)}
		for i, value := range values {
			p.row[i] = value
		}
		out = append(out, p)
	}
	empty, lowest, highest := map[int]float32{}, map[int]float32{}, map[int]float32{}
	for i := range v.Package.Manifest.Features {
		feature := &v.Package.Manifest.Features[i]
		if !feature.Required {
			empty[i] = v.Plan.Missing(i)
			moved(feature.Name+" empty", map[int]float32{i: empty[i]})
		}
		switch feature.Type {
		case modelpkg.TypeCategory:
			for code, category := range feature.Categories {
				moved(fmt.Sprintf("%s %q", feature.Name, category), map[int]float32{i: float32(code)})
			}
		case modelpkg.TypeBoolean:
			for code, value := range []bool{false, true} {
				moved(fmt.Sprintf("%s %t", feature.Name, value), map[int]float32{i: float32(code)})
			}
		default:
			if feature.Min != nil {
				lowest[i] = float32(*feature.Min)
				moved(fmt.Sprintf("%s %g, the least of the training,", feature.Name, *feature.Min), map[int]float32{i: lowest[i]})
			}
			if feature.Max != nil {
				highest[i] = float32(*feature.Max)
				moved(fmt.Sprintf("%s %g, the most of the training,", feature.Name, *feature.Max), map[int]float32{i: highest[i]})
			}
		}
	}
	if len(empty) > 0 {
		moved("every optional field empty", empty)
	}
	moved("every number at its least", lowest)
	moved("every number at its most", highest)
	return out
}
