package jsoncodec

import (
	"strings"
	"sync"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/futurisys/futurisys/services/platform/rules"
)

// plan is what a message type takes: its fields by JSON name and by proto name,
// both of which protojson takes.
type plan struct {
	fields map[string]*fieldPlan
	count  int
}

type fieldPlan struct {
	descriptor protoreflect.FieldDescriptor
	name       string // in JSON
	index      int    // in the message
	message    *plan  // of a message field that is not a well-known type
	wellKnown  bool
	value      *fieldPlan // of a map's values
	maxItems   int        // of a list; 0: its rules do not say
}

// plans keeps the plan of each message type. Types are few and fixed, so that
// nothing is ever thrown out.
type plans struct {
	known sync.Map // protoreflect.FullName to *plan
}

func (p *plans) of(message protoreflect.MessageDescriptor) *plan {
	if found, ok := p.known.Load(message.FullName()); ok {
		return found.(*plan) //nolint:forcetypeassert // nothing else is put in
	}
	made := &plan{fields: map[string]*fieldPlan{}, count: message.Fields().Len()}
	for i := range message.Fields().Len() {
		descriptor := message.Fields().Get(i)
		field := p.field(descriptor)
		field.index = i
		made.fields[descriptor.JSONName()] = field
		made.fields[string(descriptor.Name())] = field
	}
	p.known.Store(message.FullName(), made)
	return made
}

func (p *plans) field(descriptor protoreflect.FieldDescriptor) *fieldPlan {
	field := &fieldPlan{descriptor: descriptor, name: descriptor.JSONName(), maxItems: rules.MaxItems(descriptor)}
	switch sub := descriptor.Message(); {
	case sub == nil:
	case descriptor.IsMap():
		field.value = p.field(descriptor.MapValue())
	case strings.HasPrefix(string(sub.FullName()), "google.protobuf."):
		field.wellKnown = true
	default:
		field.message = p.of(sub)
	}
	return field
}
