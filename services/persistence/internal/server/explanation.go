package server

import (
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/futurisys/futurisys/proto/catalogue"
	"github.com/futurisys/futurisys/services/persistence/internal/store"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

func explanationFromMessage(e *futurisysv1.Explanation) *store.Explanation {
	if e == nil {
		return nil
	}
	out := &store.Explanation{
		Method: word(e.GetMethod()), Space: word(e.GetSpace()), Link: word(e.GetLink()), Base: e.GetBase(), Margin: e.GetMargin(),
		Contributions: make([]store.Contribution, len(e.GetContributions())), Rest: e.GetRest(), RestCount: e.GetRestCount(),
	}
	for i, c := range e.GetContributions() {
		out.Contributions[i] = store.Contribution{
			Feature: c.GetFeature(), Contribution: c.GetContribution(), StandardError: c.StandardError,
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
		Method: futurisysv1.ExplainMethod(number(futurisysv1.ExplainMethod(0), e.Method)),
		Space:  futurisysv1.ExplainSpace(number(futurisysv1.ExplainSpace(0), e.Space)),
		Link:   futurisysv1.ExplainLink(number(futurisysv1.ExplainLink(0), e.Link)), Base: e.Base, Margin: e.Margin,
		Contributions: make([]*futurisysv1.Contribution, len(e.Contributions)), Rest: e.Rest, RestCount: e.RestCount,
	}
	for i := range e.Contributions {
		c := &e.Contributions[i]
		out.Contributions[i] = &futurisysv1.Contribution{
			Feature: c.Feature, Value: valueMessage(c), Contribution: c.Contribution, StandardError: c.StandardError,
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

// word is an enum's value as it is stored: log_odds of EXPLAIN_SPACE_LOG_ODDS.
func word(value protoreflect.Enum) string {
	if value.Number() == 0 {
		return ""
	}
	return strings.ToLower(catalogue.Name(value))
}

// number is the value of an enum by its stored word; 0: it has none of the word.
func number(enum protoreflect.Enum, word string) protoreflect.EnumNumber {
	values := enum.Descriptor().Values()
	for i := range values.Len() {
		value := enum.Type().New(values.Get(i).Number())
		if strings.EqualFold(catalogue.Name(value), word) {
			return value.Number()
		}
	}
	return 0
}
