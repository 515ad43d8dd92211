// Package features turns an employee profile into the row of floats that a
// version's graph takes, and says all that is wrong with the profile.
package features

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/futurisys/futurisys/proto/catalogue"
	"github.com/futurisys/futurisys/services/inference/internal/modelpkg"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// ErrFeature says that a manifest asks for a feature that the API cannot give.
var ErrFeature = errors.New("the feature is not one of the API")

// Plan encodes profiles for one version. It is made once, at load, and may be
// used by many goroutines at once.
type Plan struct {
	columns   []column
	coherence []coherence
}

// coherence is years that cannot be more than other years.
type coherence struct {
	years, limit    string
	read, readLimit func(*profile) *int32
}

// column is one float of the row.
type column struct {
	name     string
	field    field
	codes    map[string]float32 // categories
	allowed  string             // the same, for people
	min, max float64            // seen in training
	missing  float32            // stands for an absent value
	required bool
}

// NewPlan makes the plan of a manifest's features. ErrFeature: one of them is
// not a field of the API or has another type.
func NewPlan(listed []modelpkg.Feature) (*Plan, error) {
	known := fields()
	plan := &Plan{columns: make([]column, 0, len(listed))}
	for _, feature := range listed {
		field, ok := known[feature.Name]
		if !ok {
			return nil, fmt.Errorf("%w: %s", ErrFeature, feature.Name)
		}
		if field.kind() != feature.Type {
			return nil, fmt.Errorf("%w: %s is a %s there, not a %s", ErrFeature, feature.Name, field.kind(), feature.Type)
		}
		plan.columns = append(plan.columns, newColumn(feature, field))
	}
	for years, limit := range map[string]string{
		"tenure_years": "total_experience_years", "years_in_position": "tenure_years",
		"years_since_promotion": "tenure_years", "years_under_manager": "tenure_years",
	} {
		plan.coherence = append(plan.coherence, coherence{years, limit, known[years].number, known[limit].number})
	}
	slices.SortFunc(plan.coherence, func(a, b coherence) int { return strings.Compare(a.years, b.years) })
	return plan, nil
}

func newColumn(feature modelpkg.Feature, field field) column {
	out := column{
		name: feature.Name, field: field, required: feature.Required,
		min: math.Inf(-1), max: math.Inf(1), missing: float32(math.NaN()),
	}
	if feature.Impute != nil {
		out.missing = float32(*feature.Impute)
	}
	if feature.Min != nil {
		out.min = *feature.Min
	}
	if feature.Max != nil {
		out.max = *feature.Max
	}
	if feature.Type == modelpkg.TypeCategory {
		out.codes = make(map[string]float32, len(feature.Categories))
		for code, value := range feature.Categories {
			out.codes[value] = float32(code)
		}
		out.allowed = strings.Join(feature.Categories, ", ")
	}
	return out
}

// Missing is the float that stands for an absent value of the i-th feature.
func (p *Plan) Missing(i int) float32 { return p.columns[i].missing }

// Width is the number of floats of a row.
func (p *Plan) Width() int { return len(p.columns) }

// Encode appends the profile's row, Width floats, to rows. When problems are
// returned the row must not be scored: each is a field that lacks or has a value
// that the version does not know.
func (p *Plan) Encode(rows []float32, profile *futurisysv1.EmployeeProfile) ([]float32, []*futurisysv1.Violation) {
	var problems []*futurisysv1.Violation
	for i := range p.columns {
		value, problem := p.columns[i].encode(profile)
		if problem != nil {
			problems = append(problems, problem)
		}
		rows = append(rows, value)
	}
	return rows, problems
}

func (c *column) encode(profile *futurisysv1.EmployeeProfile) (float32, *futurisysv1.Violation) {
	switch {
	case c.field.number != nil:
		if value := c.field.number(profile); value != nil {
			return float32(*value), nil
		}
	case c.field.boolean != nil:
		if value := c.field.boolean(profile); value != nil {
			if *value {
				return 1, nil
			}
			return 0, nil
		}
	default:
		if value := c.field.category(profile); value != nil {
			if code, ok := c.codes[*value]; ok {
				return code, nil
			}
			return 0, catalogue.Violation(futurisysv1.ViolationReason_VIOLATION_REASON_UNKNOWN_CATEGORY, c.name, "value", quote(*value), "allowed", c.allowed)
		}
	}
	if c.required {
		return 0, catalogue.Violation(futurisysv1.ViolationReason_VIOLATION_REASON_REQUIRED_BY_VERSION, c.name)
	}
	return c.missing, nil
}

// Warnings says what is unusual about a row that can be scored: numbers outside
// of the training range, years that contradict each other.
func (p *Plan) Warnings(profile *futurisysv1.EmployeeProfile) []*futurisysv1.Violation {
	var out []*futurisysv1.Violation
	for i := range p.columns {
		c := &p.columns[i]
		if c.field.number == nil {
			continue
		}
		value := c.field.number(profile)
		if value != nil && (float64(*value) < c.min || float64(*value) > c.max) {
			out = append(out, catalogue.Violation(futurisysv1.ViolationReason_VIOLATION_REASON_OUTSIDE_TRAINING_RANGE, c.name, "value", *value, "min", c.min, "max", c.max))
		}
	}
	return append(out, p.incoherences(profile)...)
}

// incoherences finds years that cannot all be true. No row of the training data
// has any; they are warned of and not refused, because the record is HR's.
func (p *Plan) incoherences(profile *futurisysv1.EmployeeProfile) []*futurisysv1.Violation {
	var out []*futurisysv1.Violation
	for _, rule := range p.coherence {
		years, limit := rule.read(profile), rule.readLimit(profile)
		if years != nil && limit != nil && *years > *limit {
			out = append(out, catalogue.Violation(futurisysv1.ViolationReason_VIOLATION_REASON_MORE_YEARS, rule.years, "value", *years, "other", rule.limit, "limit", *limit))
		}
	}
	return out
}

// quote shows a caller's text in a message, cut to a length that fits one.
func quote(text string) string {
	const longest = 40
	runes := []rune(text)
	if len(runes) > longest {
		return fmt.Sprintf("%q...", string(runes[:longest]))
	}
	return fmt.Sprintf("%q", text)
}
