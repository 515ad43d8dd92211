package explain

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"

	"github.com/futurisys/futurisys/services/inference/internal/engine"
)

// additivityTolerance is how far the curves may be from the graph, in log-odds: its
// floats are of 32 bits.
const additivityTolerance = 1e-5

// maxValues bounds the remembered values of one feature's curve: integers and
// categories are far fewer. What does not fit is scored each time.
const maxValues = 1 << 16

// additive explains a graph whose log-odds are a sum of one curve a feature. Then
// the Shapley value of a feature is its curve's height over the curve's mean over
// the background, and the curve is the graph itself with all other features held
// at those of one row.
type additive struct {
	session engine.Session // answers log-odds
	width   int
	anchor  []float32 // the row that the others are held at
	base    float64   // mean log-odds over the background
	means   []float64 // of each curve over the background

	mu sync.RWMutex
	// curves are the log-odds of the anchor with one feature set, less the anchor's own,
	// by the value's bits: NaN is a value too.
	curves []map[uint32]float64
	origin float64 // the anchor's log-odds
}

func newAdditive(graph []byte, runtime engine.Runtime, width int, background []float32) (Explainer, error) {
	margin, err := onMargin(graph)
	if err != nil {
		return nil, err
	}
	session, err := runtime.Load(margin, width)
	if err != nil {
		return nil, fmt.Errorf("load the log-odds: %w", err)
	}
	a := &additive{session: session, width: width, anchor: row(background, 0, width), curves: make([]map[uint32]float64, width)}
	for i := range a.curves {
		a.curves[i] = map[uint32]float64{}
	}
	if err := a.prepare(background); err != nil {
		return nil, errors.Join(err, session.Close())
	}
	return a, nil
}

// prepare finds the curves at the background's values, and proves that they add up.
func (a *additive) prepare(background []float32) error {
	origin := make([]float32, 1)
	if err := a.session.Score(a.anchor, origin); err != nil {
		return fmt.Errorf("score the anchor: %w", err)
	}
	a.origin = float64(origin[0])
	heights, err := a.heights(background)
	if err != nil {
		return err
	}
	count := len(background) / a.width
	a.means = make([]float64, a.width)
	for i, height := range heights {
		a.means[i%a.width] += height / float64(count)
	}
	// The base is scored as it is defined: as a sum of curves it would have the rounding
	// of each.
	outputs := make([]float32, count)
	if err := a.session.Score(background, outputs); err != nil {
		return fmt.Errorf("score the background: %w", err)
	}
	for _, output := range outputs {
		a.base += float64(output) / float64(count)
	}
	return a.prove(background)
}

// prove compares the curves' sum with the graph on rows that no curve has seen.
func (a *additive) prove(background []float32) error {
	mixed := mix(background, a.width)
	out := make([]float32, proofRows)
	if err := a.session.Score(mixed, out); err != nil {
		return fmt.Errorf("score the proof: %w", err)
	}
	heights, err := a.heights(mixed)
	if err != nil {
		return err
	}
	for i := range proofRows {
		if sum := a.explain(row(heights, i, a.width)).Output; math.Abs(sum-float64(out[i])) > additivityTolerance {
			return fmt.Errorf("%w: the curves add up to %g, the graph answers %g", errUnfit, sum, out[i])
		}
	}
	return nil
}

// heights are those of the curves at each cell of rows, [N, F]. Those that are not
// known are scored in one batch.
func (a *additive) heights(rows []float32) ([]float64, error) {
	out := make([]float64, len(rows))
	var unknown []int
	a.mu.RLock()
	for i, value := range rows {
		var known bool
		if out[i], known = a.curves[i%a.width][math.Float32bits(value)]; !known {
			unknown = append(unknown, i)
		}
	}
	a.mu.RUnlock()
	if len(unknown) == 0 {
		return out, nil
	}
	asked := make([]float32, 0, len(unknown)*a.width)
	for _, i := range unknown {
		asked = appendMoved(asked, a.anchor, i%a.width, rows[i])
	}
	answers := make([]float32, len(unknown))
	if err := a.session.Score(asked, answers); err != nil {
		return nil, fmt.Errorf("score the curves: %w", err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for n, i := range unknown {
		out[i] = float64(answers[n]) - a.origin
		if curve := a.curves[i%a.width]; len(curve) < maxValues {
			curve[math.Float32bits(rows[i])] = out[i]
		}
	}
	return out, nil
}

// Explain explains rows; see Explainer.
func (a *additive) Explain(ctx context.Context, rows []float32) ([]Explanation, error) {
	if err := checkRows(rows, a.width); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err //nolint:wrapcheck // the caller went away
	}
	heights, err := a.heights(rows)
	if err != nil {
		return nil, err
	}
	out := make([]Explanation, len(rows)/a.width)
	for i := range out {
		out[i] = a.explain(heights[i*a.width : (i+1)*a.width])
	}
	return out, nil
}

// explain takes the heights of one row for its own, and makes contributions of them.
func (a *additive) explain(heights []float64) Explanation {
	out := Explanation{Base: a.base, Output: a.base, Contributions: heights}
	for feature := range heights {
		heights[feature] -= a.means[feature]
		out.Output += heights[feature]
	}
	return out
}

// Curve answers a feature's contributions; see Curves.
func (a *additive) Curve(feature int, values []float32) ([]float64, error) {
	rows := make([]float32, 0, len(values)*a.width)
	for _, value := range values {
		rows = appendMoved(rows, a.anchor, feature, value)
	}
	heights, err := a.heights(rows)
	if err != nil {
		return nil, err
	}
	out := make([]float64, len(values))
	for i := range out {
		out[i] = heights[i*a.width+feature] - a.means[feature]
	}
	return out, nil
}

func (a *additive) Method() Method { return Additive }
func (a *additive) Space() Space   { return LogOdds }

func (a *additive) Close() error { return a.session.Close() } //nolint:wrapcheck // it says what it was doing
