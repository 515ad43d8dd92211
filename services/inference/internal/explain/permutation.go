package explain

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/futurisys/futurisys/services/inference/internal/engine"
)

// pairs is how many orders of the features are drawn for a row, each with its
// reverse: the error of a share shrinks with its root.
const pairs = 256

// permutation estimates the Shapley values of any graph: features are taken from
// the row one after the other in a drawn order, the rest being those of a drawn
// background row, and each share is what its feature changes. An order and its
// reverse together cancel much of the noise.
type permutation struct {
	session    engine.Session
	space      Space
	width      int
	background []float32
	base       float64
}

func newPermutation(graph []byte, runtime engine.Runtime, width int, background []float32) (Explainer, error) {
	space := LogOdds
	margin, err := onMargin(graph)
	if errors.Is(err, errUnfit) {
		margin, space, err = graph, Probability, nil
	}
	if err != nil {
		return nil, err
	}
	session, err := runtime.Load(margin, width)
	if err != nil {
		return nil, fmt.Errorf("load the output: %w", err)
	}
	p := &permutation{session: session, space: space, width: width, background: background}
	out := make([]float32, len(background)/width)
	if err := session.Score(background, out); err != nil {
		return nil, errors.Join(fmt.Errorf("score the background: %w", err), session.Close())
	}
	for _, value := range out {
		p.base += float64(value) / float64(len(out))
	}
	return p, nil
}

// Explain estimates; see Explainer. The same row gives the same estimate each time.
func (p *permutation) Explain(ctx context.Context, rows []float32) ([]Explanation, error) {
	if err := checkRows(rows, p.width); err != nil {
		return nil, err
	}
	out := make([]Explanation, len(rows)/p.width)
	err := inParallel(ctx, len(out), func() func(int) error {
		return func(i int) error {
			var err error
			out[i], err = p.explain(row(rows, i, p.width))
			return err
		}
	})
	return out, err
}

func (p *permutation) explain(values []float32) (Explanation, error) {
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same estimate each time
	count := len(p.background) / p.width
	steps := p.width + 1
	asked := make([]float32, 0, pairs*2*steps*p.width)
	orders := make([][]int, 0, 2*pairs)
	for range pairs {
		order := random.Perm(p.width)
		other := row(p.background, random.IntN(count), p.width)
		reverse := make([]int, p.width)
		for i, feature := range order {
			reverse[p.width-1-i] = feature
		}
		for _, one := range [][]int{order, reverse} {
			asked = appendPath(asked, values, other, one)
			orders = append(orders, one)
		}
	}
	answers := make([]float32, len(orders)*steps)
	if err := p.session.Score(asked, answers); err != nil {
		return Explanation{}, fmt.Errorf("score the orders: %w", err)
	}
	return p.gather(orders, answers), nil
}

// appendPath appends the rows of one order: the background's, then with one feature
// more of the row's each.
func appendPath(asked, values, other []float32, order []int) []float32 {
	step := append([]float32{}, other...)
	asked = append(asked, step...)
	for _, feature := range order {
		step[feature] = values[feature]
		asked = append(asked, step...)
	}
	return asked
}

// gather makes means and standard errors of what each pair of orders says.
func (p *permutation) gather(orders [][]int, answers []float32) Explanation {
	steps := p.width + 1
	sums, squares := make([]float64, p.width), make([]float64, p.width)
	for pair := range pairs {
		share := make([]float64, p.width)
		for half := range 2 {
			at := 2*pair + half
			for i, feature := range orders[at] {
				share[feature] += float64(answers[at*steps+i+1]-answers[at*steps+i]) / 2 //nolint:mnd // of two orders
			}
		}
		for feature, value := range share {
			sums[feature] += value
			squares[feature] += value * value
		}
	}
	out := Explanation{Base: p.base, Output: p.base, Contributions: make([]float64, p.width), StandardErrors: make([]float64, p.width)}
	for feature := range p.width {
		mean := sums[feature] / pairs
		variance := max(squares[feature]/pairs-mean*mean, 0) * pairs / (pairs - 1)
		out.Contributions[feature] = mean
		out.StandardErrors[feature] = math.Sqrt(variance / pairs)
		out.Output += mean
	}
	return out
}

func (p *permutation) Method() Method { return Permutation }
func (p *permutation) Space() Space   { return p.space }

func (p *permutation) Close() error { return p.session.Close() } //nolint:wrapcheck // it says what it was doing
