package scoring

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/futurisys/futurisys/services/inference/internal/counterfactual"
	"github.com/futurisys/futurisys/services/inference/internal/explain"
	"github.com/futurisys/futurisys/services/inference/internal/registry"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// Question is what is to be explained of a row, and what it would be otherwise.
type Question struct {
	Profile        *futurisysv1.EmployeeProfile
	Changes        *futurisysv1.EmployeeProfile // its fields take the place of the profile's; nil: no what-if
	Top            int32                        // contributions of each explanation; 0: all
	Counterfactual bool
}

// ProfileError says that a profile cannot be scored.
type ProfileError struct {
	Path     string // of the profile in the request, with a dot
	Problems []*futurisysv1.Violation
}

func (e ProfileError) Error() string {
	return fmt.Sprintf("%s%s %s", e.Path, e.Problems[0].GetField(), e.Problems[0].GetMessage())
}

// ErrNoAnswer says that the version gave no probability for a row.
var ErrNoAnswer = errors.New("the version gave no probability for the row")

// WhatIf answers a question with a version that the caller acquired. Nothing is
// recorded. A ProfileError says that a row cannot be scored.
func (s *Scorer) WhatIf(ctx context.Context, version *registry.Version, question Question) (*futurisysv1.ExplainResponse, error) {
	profiles := []*futurisysv1.EmployeeProfile{question.Profile}
	paths := []string{"profile."}
	if question.Changes != nil {
		changed := proto.CloneOf(question.Profile)
		proto.Merge(changed, question.Changes)
		profiles, paths = append(profiles, changed), append(paths, "changes.")
	}
	var encoded []float32
	for i, profile := range profiles {
		var problems []*futurisysv1.Violation
		if encoded, problems = s.encode(version.Plan, encoded, profile); len(problems) > 0 {
			return nil, ProfileError{paths[i], problems}
		}
	}
	found, err := version.Explainer.Explain(ctx, encoded)
	if err != nil {
		return nil, fmt.Errorf("explain with %s/%d: %w", version.Model, version.Number, err)
	}
	probabilities := make([]float32, len(profiles))
	if err := version.Session.Score(encoded, probabilities); err != nil {
		return nil, fmt.Errorf("score with %s/%d: %w", version.Model, version.Number, err)
	}
	for _, probability := range probabilities {
		if !registry.IsProbability(float64(probability)) {
			return nil, ErrNoAnswer
		}
	}
	out := &futurisysv1.ExplainResponse{
		Model: version.Model, ModelVersion: version.Number, ModelRevision: version.Revision,
		Threshold: version.Package.Manifest.Threshold.Value,
	}
	scores := make([]*futurisysv1.ExplainedScore, len(profiles))
	for i, profile := range profiles {
		if !addsUp(version.Explainer, &found[i], float64(probabilities[i])) {
			return nil, fmt.Errorf("explain with %s/%d: the reasons do not add up to the score", version.Model, version.Number)
		}
		if scores[i], err = explainedScore(version, profile, float64(probabilities[i]), &found[i], question.Top); err != nil {
			return nil, err
		}
	}
	out.Score = scores[0]
	if len(scores) > 1 {
		out.ChangedScore = scores[1]
		out.Differences = differences(version, profiles, found)
	}
	if question.Counterfactual {
		out.Counterfactual, err = searchCounterfactual(ctx, version, encoded[:version.Plan.Width()])
	}
	return out, err
}

func explainedScore(version *registry.Version, profile *futurisysv1.EmployeeProfile, probability float64, found *explain.Explanation, top int32) (*futurisysv1.ExplainedScore, error) {
	p, err := predict(version, Row{Profile: profile}, probability)
	if err != nil {
		return nil, err
	}
	return &futurisysv1.ExplainedScore{
		Probability: p.GetProbability(), PredictedLabel: p.GetPredictedLabel(), Positive: p.GetPositive(), RiskBand: p.GetRiskBand(),
		Profile: p.GetProfile(), Warnings: p.GetWarnings(), Explanation: explanationMessage(version, profile, found, top),
	}, nil
}

// differences are what each feature does to the margin between two rows, the greatest
// first; those that do nothing are left out, unless they were changed.
func differences(version *registry.Version, profiles []*futurisysv1.EmployeeProfile, found []explain.Explanation) []*futurisysv1.ContributionChange {
	var out []*futurisysv1.ContributionChange
	for i := range version.Package.Manifest.Features {
		feature := &version.Package.Manifest.Features[i]
		change := &futurisysv1.ContributionChange{
			Feature: feature.Name,
			From:    version.Plan.Value(i, profiles[0]), To: version.Plan.Value(i, profiles[1]),
			Difference: found[1].Contributions[i] - found[0].Contributions[i],
		}
		if change.GetDifference() != 0 || !proto.Equal(change.GetFrom(), change.GetTo()) {
			out = append(out, change)
		}
	}
	slices.SortStableFunc(out, func(a, b *futurisysv1.ContributionChange) int {
		return cmp.Compare(math.Abs(b.GetDifference()), math.Abs(a.GetDifference()))
	})
	return out
}

// searchCounterfactual looks for the smallest changes that bring an encoded row under
// the version's threshold.
func searchCounterfactual(ctx context.Context, version *registry.Version, row []float32) (*futurisysv1.Counterfactual, error) {
	manifest := &version.Package.Manifest
	found, err := counterfactual.Search(ctx, version.Session, row, counterfactual.Levers(manifest.Features, row), manifest.Threshold.Value)
	if err != nil {
		return nil, fmt.Errorf("search a counterfactual with %s/%d: %w", version.Model, version.Number, err)
	}
	outcomes := map[counterfactual.Outcome]futurisysv1.CounterfactualOutcome{
		counterfactual.Found:     futurisysv1.CounterfactualOutcome_COUNTERFACTUAL_OUTCOME_FOUND,
		counterfactual.NotNeeded: futurisysv1.CounterfactualOutcome_COUNTERFACTUAL_OUTCOME_NOT_NEEDED,
		counterfactual.None:      futurisysv1.CounterfactualOutcome_COUNTERFACTUAL_OUTCOME_NONE,
	}
	out := &futurisysv1.Counterfactual{
		Outcome: outcomes[found.Outcome], Probability: found.Probability, Exhaustive: found.Exhaustive, TriedCount: int32(found.Tried),
	}
	for i, value := range found.Row {
		if value == row[i] {
			continue
		}
		feature := &manifest.Features[i]
		out.Changes = append(out.Changes, &futurisysv1.FieldChange{
			Feature: feature.Name,
			From:    version.Plan.Decode(i, row[i]), To: version.Plan.Decode(i, value),
		})
	}
	return out, nil
}
