package registry

import (
	"fmt"
	"slices"
	"strings"

	"github.com/futurisys/futurisys/services/inference/internal/modelpkg"
)

// DifferenceKind says what a difference between two versions is.
type DifferenceKind int

// The kinds of differences.
const (
	FeatureAdded DifferenceKind = iota + 1
	FeatureRemoved
	TypeChanged
	CategoriesChanged
	RequiredChanged
	AnswerChanged
)

// Difference is one thing that a version takes or answers otherwise than another:
// a caller of the one may be refused by the other, or misunderstand it.
type Difference struct {
	Kind        DifferenceKind
	Feature     string // empty: it is about the answer
	Description string
}

func (d Difference) String() string {
	return strings.TrimSpace(d.Feature + " " + d.Description)
}

// Differences lists how what a version takes and answers differs from another's.
// The order of features is the service's business, not the callers'.
func Differences(from, to *modelpkg.Manifest) []Difference {
	var out []Difference
	before := make(map[string]modelpkg.Feature, len(from.Features))
	for _, feature := range from.Features {
		before[feature.Name] = feature
	}
	for _, feature := range to.Features {
		old, ok := before[feature.Name]
		delete(before, feature.Name)
		if !ok {
			out = append(out, Difference{FeatureAdded, feature.Name, "is new"})
			continue
		}
		out = append(out, featureDifferences(old, feature)...)
	}
	for _, feature := range from.Features {
		if _, gone := before[feature.Name]; gone {
			out = append(out, Difference{FeatureRemoved, feature.Name, "is no longer used"})
		}
	}
	if from.PositiveLabel != to.PositiveLabel || from.NegativeLabel != to.NegativeLabel {
		out = append(out, Difference{AnswerChanged, "", fmt.Sprintf("the labels were %s and %s, and are %s and %s",
			from.PositiveLabel, from.NegativeLabel, to.PositiveLabel, to.NegativeLabel)})
	}
	if from.HorizonDays != to.HorizonDays {
		out = append(out, Difference{AnswerChanged, "", fmt.Sprintf("the horizon was %d days, and is %d", from.HorizonDays, to.HorizonDays)})
	}
	return out
}

func featureDifferences(from, to modelpkg.Feature) []Difference {
	if from.Type != to.Type {
		return []Difference{{TypeChanged, to.Name, fmt.Sprintf("was a %s, and is a %s", from.Type, to.Type)}}
	}
	var out []Difference
	if added, removed := minus(to.Categories, from.Categories), minus(from.Categories, to.Categories); len(added)+len(removed) > 0 {
		var parts []string
		if len(added) > 0 {
			parts = append(parts, "knows also "+strings.Join(added, ", "))
		}
		if len(removed) > 0 {
			parts = append(parts, "no longer knows "+strings.Join(removed, ", "))
		}
		out = append(out, Difference{CategoriesChanged, to.Name, strings.Join(parts, " and ")})
	}
	if from.Required != to.Required {
		description := "is no longer required"
		if to.Required {
			description = "is required now"
		}
		out = append(out, Difference{RequiredChanged, to.Name, description})
	}
	return out
}

// minus are the values of a that b lacks.
func minus(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(value string) bool { return slices.Contains(b, value) })
}
