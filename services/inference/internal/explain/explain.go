// Package explain says why a score is what it is: exact Shapley values of the raw
// features against a package's background rows. docs/explaining.md tells the three
// ways and when each holds.
package explain

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"sync"

	"github.com/futurisys/futurisys/services/inference/internal/engine"
	"github.com/futurisys/futurisys/services/platform/guarded"
)

// Method says how a version is explained.
type Method string

// The methods.
const (
	// Additive adds up one curve a feature: exact.
	Additive Method = "additive"
	// Tree walks every tree for every background row: exact.
	Tree Method = "tree"
	// Permutation draws orders of the features: an estimate with its error.
	Permutation Method = "permutation"
)

// Space says in what the contributions add up.
type Space string

// The spaces.
const (
	// LogOdds: the probability is 1 / (1 + exp(-output)).
	LogOdds Space = "log_odds"
	// Probability: the output is the probability.
	Probability Space = "probability"
)

// Probability is what an output of this space means.
func (s Space) Probability(output float64) float64 {
	if s == LogOdds {
		return 1 / (1 + math.Exp(-output))
	}
	return output
}

// ErrBackground says that there is nothing to compare a row with.
var ErrBackground = errors.New("a version without background rows cannot be explained")

// Explanation is the share of each feature in one score: Base and all
// Contributions add up to Output.
type Explanation struct {
	Base          float64   // mean output over the background rows
	Output        float64   // in the explainer's space
	Contributions []float64 // [F], in the order of the graph's input
	// StandardErrors are those of the contributions, [F]; nil: they are exact.
	StandardErrors []float64
}

// Explainer explains the scores of one version. It may be used by many goroutines
// at once.
type Explainer interface {
	// Explain explains rows, float32 [N, F] row by row, on all cores. It ends early, with
	// ctx's error, when ctx does.
	Explain(ctx context.Context, rows []float32) ([]Explanation, error)
	// Method and Space say what the explanations are.
	Method() Method
	Space() Space
	// Close frees what it has loaded. No Explain may be under way or follow.
	Close() error
}

// Curves is what the explainer of an additive version can do besides: the share of a
// feature is a curve of its value alone.
type Curves interface {
	// Curve answers the contribution of a feature at each of its values.
	Curve(feature int, values []float32) ([]float64, error)
}

// New returns the explainer of a graph that takes width features: by the method
// that the manifest wishes where it holds for the graph, else by permutation.
// background are rows of width, float32 [B, F].
func New(wish Method, graph []byte, loader engine.Runtime, width int, background []float32) (Explainer, error) {
	if len(background) == 0 || len(background)%width != 0 {
		return nil, ErrBackground
	}
	var found Explainer
	var err error
	switch wish {
	case Additive:
		found, err = newAdditive(graph, loader, width, background)
	case Tree:
		found, err = newTree(graph, loader, width, background)
	default:
		err = errUnfit
	}
	if errors.Is(err, errUnfit) {
		return newPermutation(graph, loader, width, background)
	}
	return found, err
}

// Importance is the mean absolute contribution of each feature over rows, [F].
func Importance(ctx context.Context, explainer Explainer, rows []float32, width int) ([]float64, error) {
	found, err := explainer.Explain(ctx, rows)
	if err != nil {
		return nil, err //nolint:wrapcheck // it says what it was doing
	}
	out := make([]float64, width)
	for _, explanation := range found {
		for feature, share := range explanation.Contributions {
			out[feature] += math.Abs(share) / float64(len(found))
		}
	}
	return out, nil
}

// proofRows is how many rows, mixed of background rows feature by feature, prove that
// a method holds for a graph.
const proofRows = 256

// errUnfit says that a method does not hold for a graph.
var errUnfit = errors.New("the method does not fit the graph")

// row is the i-th of rows.
func row[T float32 | float64](rows []T, i, width int) []T { return rows[i*width : (i+1)*width] }

// appendMoved appends a row with one of its features moved to another value.
func appendMoved(rows, anchor []float32, feature int, value float32) []float32 {
	rows = append(rows, anchor...)
	rows[len(rows)-len(anchor)+feature] = value
	return rows
}

// checkRows refuses what is not rows of width.
func checkRows(rows []float32, width int) error {
	if len(rows)%width != 0 {
		return fmt.Errorf("%d floats are not rows of %d", len(rows), width)
	}
	return nil
}

// inParallel does work on each of count items, on all cores. Each goroutine gets its
// own worker, which says what to do with an item.
func inParallel(ctx context.Context, count int, newWorker func() func(item int) error) error {
	failed := make([]error, min(runtime.GOMAXPROCS(0), count))
	var workers sync.WaitGroup
	for number := range failed {
		workers.Go(func() {
			failed[number] = guarded.Call(func() error {
				work := newWorker()
				for item := number; item < count; item += len(failed) {
					if ctx.Err() != nil {
						return ctx.Err()
					}
					if err := work(item); err != nil {
						return err
					}
				}
				return nil
			})
		})
	}
	workers.Wait()
	return errors.Join(failed...)
}
