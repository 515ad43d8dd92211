package explain

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"

	"github.com/futurisys/futurisys/services/inference/internal/engine"
)

// additivityTolerance is how far the curves may be from the graph, in log-odds: its
// floats are of 32 bits.
const additivityTolerance = 1e-5

// proofRows is how many rows, mixed of background rows feature by feature, prove
// that a graph is additive.
const proofRows = 256

// mostValues bounds the remembered values of one feature's curve: integers and
// categories are far fewer.
const mostValues = 1 << 16

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

	mu     sync.RWMutex
	curves []map[float32]float64 // log-odds of the anchor with one feature set, less the anchor's own
	origin float64               // the anchor's log-odds
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
	a := &additive{session: session, width: width, anchor: row(background, 0, width), curves: make([]map[float32]float64, width)}
	for i := range a.curves {
		a.curves[i] = map[float32]float64{}
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
	if err := a.learn(background); err != nil {
		return err
	}
	count := len(background) / a.width
	a.means = make([]float64, a.width)
	a.base = a.origin
	for feature := range a.width {
		for i := range count {
			a.means[feature] += a.curves[feature][row(background, i, a.width)[feature]] / float64(count)
		}
		a.base += a.means[feature]
	}
	return a.prove(background, count)
}

// prove compares the curves' sum with the graph on rows that no curve has seen.
func (a *additive) prove(background []float32, count int) error {
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same proof each time
	mixed := make([]float32, proofRows*a.width)
	for i := range mixed {
		mixed[i] = row(background, random.IntN(count), a.width)[i%a.width]
	}
	out := make([]float32, proofRows)
	if err := a.session.Score(mixed, out); err != nil {
		return fmt.Errorf("score the proof: %w", err)
	}
	for i := range proofRows {
		if sum := a.explain(row(mixed, i, a.width)).Output; math.Abs(sum-float64(out[i])) > additivityTolerance {
			return fmt.Errorf("%w: the curves add up to %g, the graph answers %g", errUnfit, sum, out[i])
		}
	}
	return nil
}

// learn scores the values of rows whose place on their curve is not known.
func (a *additive) learn(rows []float32) error {
	var ask []float32
	var features []int
	a.mu.RLock()
	for i, value := range rows {
		if _, known := a.curves[i%a.width][value]; !known {
			at := len(ask)
			ask = append(ask, a.anchor...)
			ask[at+i%a.width] = value
			features = append(features, i%a.width)
		}
	}
	a.mu.RUnlock()
	if len(features) == 0 {
		return nil
	}
	out := make([]float32, len(features))
	if err := a.session.Score(ask, out); err != nil {
		return fmt.Errorf("score the curves: %w", err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for i, feature := range features {
		if len(a.curves[feature]) >= mostValues {
			return fmt.Errorf("feature %d has more than %d values", feature, mostValues)
		}
		a.curves[feature][row(ask, i, a.width)[feature]] = float64(out[i]) - a.origin
	}
	return nil
}

// Explain explains rows; see Explainer.
func (a *additive) Explain(rows []float32) ([]Explanation, error) {
	if err := checkRows(rows, a.width); err != nil {
		return nil, err
	}
	if err := a.learn(rows); err != nil {
		return nil, err
	}
	out := make([]Explanation, len(rows)/a.width)
	a.mu.RLock()
	defer a.mu.RUnlock()
	for i := range out {
		out[i] = a.explain(row(rows, i, a.width))
	}
	return out, nil
}

// explain explains a row whose values are all known.
func (a *additive) explain(values []float32) Explanation {
	out := Explanation{Base: a.base, Output: a.base, Contributions: make([]float64, a.width)}
	for feature, value := range values {
		out.Contributions[feature] = a.curves[feature][value] - a.means[feature]
		out.Output += out.Contributions[feature]
	}
	return out
}

func (a *additive) Method() Method { return Additive }
func (a *additive) Space() Space   { return LogOdds }

func (a *additive) Close() error { return a.session.Close() } //nolint:wrapcheck // it says what it was doing
