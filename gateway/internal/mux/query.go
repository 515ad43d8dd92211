package mux

import (
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"github.com/grpc-ecosystem/grpc-gateway/v2/utilities"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/futurisys/futurisys/gateway/internal/jsoncodec"
)

// queryParser refuses parameters that the request does not have: grpc-gateway
// would pass over a misspelt filter, and the list would be a silent wrong answer.
type queryParser struct {
	runtime.DefaultQueryParser
}

// Parse reads the query into the request.
func (p *queryParser) Parse(into proto.Message, values url.Values, filter *utilities.DoubleArray) error {
	var unknown []jsoncodec.Problem
	for _, name := range slices.Sorted(maps.Keys(values)) {
		field := fieldOf(into.ProtoReflect().Descriptor(), name)
		if field == nil {
			unknown = append(unknown, jsoncodec.Problem{Field: name, Description: "unknown parameter"})
			continue
		}
		// grpc-gateway takes the number of an enum's value, too; the document has names.
		if field.Enum() != nil && !slices.ContainsFunc(values[name], func(text string) bool { return jsoncodec.EnumValue(field, text) != nil }) {
			unknown = append(unknown, jsoncodec.Problem{Field: name, Description: jsoncodec.EnumProblem(field)})
		}
	}
	if len(unknown) > 0 {
		return bodyError{unknown}
	}
	return p.DefaultQueryParser.Parse(into, values, filter) //nolint:wrapcheck // explain reads it
}

// fieldOf is the field that a dotted parameter name leads to; nil: there is none.
func fieldOf(message protoreflect.MessageDescriptor, name string) protoreflect.FieldDescriptor {
	first, rest, nested := strings.Cut(name, ".")
	field := message.Fields().ByJSONName(first)
	if field == nil {
		field = message.Fields().ByName(protoreflect.Name(first))
	}
	if field == nil || !nested {
		return field
	}
	if field.Message() == nil {
		return nil
	}
	return fieldOf(field.Message(), rest)
}
