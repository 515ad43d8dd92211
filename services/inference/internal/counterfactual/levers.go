package counterfactual

import (
	"cmp"
	"math"
	"slices"

	"github.com/futurisys/futurisys/services/inference/internal/modelpkg"
)

// Lever is a feature that a manager can change, and to what.
type Lever struct {
	Column int // of the row
	Steps  []Step
	number bool // its values lie on a line, so that some can stand for those between
}

// Step is one value that a lever can take, other than the row's, and how far it goes:
// the part of the feature's range that a number moves; 1 for anything else.
type Step struct {
	Value float32
	Size  float64
}

// Levers are the actionable features of a manifest for an encoded row, each with its
// values by size. A feature whose value is not known, or that has nowhere to go, is
// no lever.
func Levers(features []modelpkg.Feature, row []float32) []Lever {
	var out []Lever
	for column := range features {
		feature := &features[column]
		if feature.Actionable == nil || math.IsNaN(float64(row[column])) {
			continue
		}
		lever := Lever{Column: column}
		switch feature.Type {
		case modelpkg.TypeNumber:
			lever.number = true
			lever.Steps = numberSteps(feature, float64(row[column]))
		case modelpkg.TypeBoolean:
			if rises := row[column] == 0; allowed(feature.Actionable.Direction, rises) {
				lever.Steps = []Step{{Value: 1 - row[column], Size: 1}}
			}
		default: // categories have no order: any direction is every other one
			for code := range feature.Categories {
				if value := float32(code); value != row[column] {
					lever.Steps = append(lever.Steps, Step{Value: value, Size: 1})
				}
			}
		}
		if len(lever.Steps) > 0 {
			out = append(out, lever)
		}
	}
	return out
}

func allowed(direction string, rises bool) bool {
	return direction == "any" || direction == "increase" && rises || direction == "decrease" && !rises
}

// numberSteps are the whole numbers that a number can become, the nearest first. The
// bounds are the manifest's, else those of the training; without both it has none.
func numberSteps(feature *modelpkg.Feature, now float64) []Step {
	bound := func(own, trained *float64) float64 {
		switch {
		case own != nil:
			return *own
		case trained != nil:
			return *trained
		}
		return math.NaN()
	}
	low, high := bound(feature.Actionable.Min, feature.Min), bound(feature.Actionable.Max, feature.Max)
	if !(high > low) || high-low > maxValues { // NaN is not
		return nil
	}
	var out []Step
	for value := math.Ceil(low); value <= high; value++ {
		if value != now && allowed(feature.Actionable.Direction, value > now) {
			out = append(out, Step{Value: float32(value), Size: math.Abs(value-now) / (high - low)})
		}
	}
	slices.SortStableFunc(out, func(a, b Step) int { return cmp.Compare(a.Size, b.Size) })
	return out
}
