package features

import (
	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// Value is the profile's value of the i-th feature; nil: it has none.
func (p *Plan) Value(i int, profile *futurisysv1.EmployeeProfile) *futurisysv1.FeatureValue {
	f := p.columns[i].field
	switch {
	case f.number != nil:
		if value := f.number(profile); value != nil {
			return number(float64(*value))
		}
	case f.boolean != nil:
		if value := f.boolean(profile); value != nil {
			return boolean(*value)
		}
	default:
		if value := f.category(profile); value != nil {
			return category(*value)
		}
	}
	return nil
}

// Decode is what the i-th feature's float stands for. The float is one that Encode
// gives.
func (p *Plan) Decode(i int, value float32) *futurisysv1.FeatureValue {
	c := &p.columns[i]
	switch {
	case c.field.number != nil:
		return number(float64(value))
	case c.field.boolean != nil:
		return boolean(value != 0)
	}
	for name, code := range c.codes {
		if code == value {
			return category(name)
		}
	}
	return nil
}

func number(value float64) *futurisysv1.FeatureValue {
	return &futurisysv1.FeatureValue{Kind: &futurisysv1.FeatureValue_Number{Number: value}}
}

func category(value string) *futurisysv1.FeatureValue {
	return &futurisysv1.FeatureValue{Kind: &futurisysv1.FeatureValue_Category{Category: value}}
}

func boolean(value bool) *futurisysv1.FeatureValue {
	return &futurisysv1.FeatureValue{Kind: &futurisysv1.FeatureValue_Boolean{Boolean: value}}
}
