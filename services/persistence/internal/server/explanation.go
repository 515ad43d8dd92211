package server

import (
	"github.com/futurisys/futurisys/services/persistence/internal/store"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

func explanationFromMessage(e *futurisysv1.Explanation) *store.Explanation {
	if e == nil {
		return nil
	}
	out := &store.Explanation{
		Method: e.GetMethod(), Space: e.GetSpace(), Link: e.GetLink(), Base: e.GetBase(), Margin: e.GetMargin(),
		Contributions: make([]store.Contribution, len(e.GetContributions())), Rest: e.GetRest(), RestCount: e.GetRestCount(),
	}
	for i, c := range e.GetContributions() {
		out.Contributions[i] = store.Contribution{
			Feature: c.GetFeature(), LabelFR: c.GetLabelFr(), LabelEN: c.GetLabelEn(),
			Contribution: c.GetContribution(), StandardError: c.StandardError,
		}
		switch value := c.GetValue().GetKind().(type) {
		case *futurisysv1.FeatureValue_Number:
			out.Contributions[i].Number = &value.Number
		case *futurisysv1.FeatureValue_Category:
			out.Contributions[i].Category = &value.Category
		case *futurisysv1.FeatureValue_Boolean:
			out.Contributions[i].Boolean = &value.Boolean
		}
	}
	return out
}

func explanationMessage(e *store.Explanation) *futurisysv1.Explanation {
	if e == nil {
		return nil
	}
	out := &futurisysv1.Explanation{
		Method: e.Method, Space: e.Space, Link: e.Link, Base: e.Base, Margin: e.Margin,
		Contributions: make([]*futurisysv1.Contribution, len(e.Contributions)), Rest: e.Rest, RestCount: e.RestCount,
	}
	for i := range e.Contributions {
		c := &e.Contributions[i]
		out.Contributions[i] = &futurisysv1.Contribution{
			Feature: c.Feature, Value: valueMessage(c), LabelFr: c.LabelFR, LabelEn: c.LabelEN,
			Contribution: c.Contribution, StandardError: c.StandardError,
		}
	}
	return out
}

func valueMessage(c *store.Contribution) *futurisysv1.FeatureValue {
	switch {
	case c.Number != nil:
		return &futurisysv1.FeatureValue{Kind: &futurisysv1.FeatureValue_Number{Number: *c.Number}}
	case c.Category != nil:
		return &futurisysv1.FeatureValue{Kind: &futurisysv1.FeatureValue_Category{Category: *c.Category}}
	case c.Boolean != nil:
		return &futurisysv1.FeatureValue{Kind: &futurisysv1.FeatureValue_Boolean{Boolean: *c.Boolean}}
	}
	return nil
}
