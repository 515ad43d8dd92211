package scoring

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/futurisys/futurisys/proto/catalogue"
	"github.com/futurisys/futurisys/services/inference/internal/explain"
	"github.com/futurisys/futurisys/services/inference/internal/registry"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// MaxEstimated is how many rows of one call are explained where that is an estimate:
// each takes thousands of runs of the graph.
const MaxEstimated = 100

// ErrTooMany says that a call asks for more estimated explanations than are made.
var ErrTooMany = errors.New("too many explanations")

// addExplanations explains those of the predictions whose rows ask for it. encoded are
// the predictions' rows, [N, F]; good are their places in rows.
func (s *Scorer) addExplanations(ctx context.Context, version *registry.Version, rows []Row, good []int, encoded []float32, predictions []*futurisysv1.Prediction) error {
	width := version.Plan.Width()
	var asked []int
	var inputs []float32
	for n, i := range good {
		if rows[i].Explain != nil {
			asked = append(asked, n)
			inputs = append(inputs, encoded[n*width:(n+1)*width]...)
		}
	}
	if len(asked) == 0 {
		return nil
	}
	if version.Explainer.Method() == explain.Permutation && len(asked) > MaxEstimated {
		return fmt.Errorf("%w: this version's explanations are estimates, of which a call gets %d at most", ErrTooMany, MaxEstimated)
	}
	start := time.Now()
	found, err := version.Explainer.Explain(ctx, inputs)
	s.metrics.explain.Observe(time.Since(start).Seconds())
	if err != nil {
		return fmt.Errorf("explain with %s/%d: %w", version.Model, version.Number, err)
	}
	for at, n := range asked {
		if !addsUp(version.Explainer, &found[at], predictions[n].GetProbability()) {
			predictions[n].Warnings = append(predictions[n].Warnings, catalogue.Violation(futurisysv1.ViolationReason_VIOLATION_REASON_NOT_EXPLAINED, ""))
			continue
		}
		predictions[n].Explanation = explanationMessage(version, predictions[n].GetProfile(), &found[at], rows[good[n]].Explain.GetTop())
	}
	return nil
}

// explainTolerance is how far the probability that an explanation means may be from the
// graph's: the graph's floats are of 32 bits.
const explainTolerance = 1e-4

// addsUp says whether an explanation is one of this probability. A method that was proven
// at load may still not hold for a row unlike any that it was proven on; an estimate has
// its own errors.
func addsUp(explainer explain.Explainer, found *explain.Explanation, probability float64) bool {
	meant := explainer.Space().Probability(found.Output)
	if explainer.Method() == explain.Permutation {
		return !math.IsNaN(meant)
	}
	return math.Abs(meant-probability) <= explainTolerance // NaN is not
}

// explanationMessage names an explanation's contributions: the top greatest of them,
// 0: all.
func explanationMessage(version *registry.Version, profile *futurisysv1.EmployeeProfile, found *explain.Explanation, top int32) *futurisysv1.Explanation {
	contributions := make([]*futurisysv1.Contribution, len(found.Contributions))
	for i, share := range found.Contributions {
		feature := &version.Package.Manifest.Features[i]
		contributions[i] = &futurisysv1.Contribution{
			Feature: feature.Name, Value: version.Plan.Value(i, profile), Contribution: share,
		}
		if found.StandardErrors != nil {
			contributions[i].StandardError = new(found.StandardErrors[i])
		}
	}
	slices.SortStableFunc(contributions, func(a, b *futurisysv1.Contribution) int {
		return cmp.Compare(math.Abs(b.GetContribution()), math.Abs(a.GetContribution()))
	})
	out := &futurisysv1.Explanation{
		Method: Method(version.Explainer), Space: Space(version.Explainer), Link: link(version.Explainer),
		Base: found.Base, Margin: found.Output, Contributions: contributions,
	}
	if top > 0 && int(top) < len(contributions) {
		out.Contributions = contributions[:top]
		for _, left := range contributions[top:] {
			out.Rest += left.GetContribution()
			out.RestCount++
		}
	}
	return out
}

// Method is how an explainer finds its reasons, in the API.
func Method(explainer explain.Explainer) futurisysv1.ExplainMethod {
	switch explainer.Method() {
	case explain.Additive:
		return futurisysv1.ExplainMethod_EXPLAIN_METHOD_ADDITIVE
	case explain.Tree:
		return futurisysv1.ExplainMethod_EXPLAIN_METHOD_TREE
	case explain.Permutation:
		return futurisysv1.ExplainMethod_EXPLAIN_METHOD_PERMUTATION
	}
	return futurisysv1.ExplainMethod_EXPLAIN_METHOD_UNSPECIFIED
}

// Space is the unit of an explainer's contributions, in the API.
func Space(explainer explain.Explainer) futurisysv1.ExplainSpace {
	if explainer.Space() == explain.LogOdds {
		return futurisysv1.ExplainSpace_EXPLAIN_SPACE_LOG_ODDS
	}
	return futurisysv1.ExplainSpace_EXPLAIN_SPACE_PROBABILITY
}

func link(explainer explain.Explainer) futurisysv1.ExplainLink {
	if explainer.Space() == explain.LogOdds {
		return futurisysv1.ExplainLink_EXPLAIN_LINK_LOGISTIC
	}
	return futurisysv1.ExplainLink_EXPLAIN_LINK_IDENTITY
}
