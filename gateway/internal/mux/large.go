package mux

import (
	"bytes"
	"encoding/json"
	"fmt"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// resultsField is the list of an answer that has a result for each of many rows; nil: it is
// another answer.
func resultsField(message proto.Message) protoreflect.FieldDescriptor {
	switch message.(type) {
	case *futurisysv1.BatchPredictResponse, *futurisysv1.PredictEmployeesResponse:
		return message.ProtoReflect().Descriptor().Fields().ByName("results")
	}
	return nil
}

// fewResults are written with the rest of their answer.
const fewResults = 500

// Marshal writes an answer. Of 10,000 explained rows it is 50 MB beside a message of twice as
// much: such a one is written result by result, and each is let go of when it is written. It
// is of no use to anybody afterwards.
func (m *marshaler) Marshal(v any) ([]byte, error) {
	message, is := v.(proto.Message)
	if !is {
		return m.JSONPb.Marshal(v) //nolint:wrapcheck // grpc-gateway's own
	}
	field := resultsField(message)
	if field == nil || message.ProtoReflect().Get(field).List().Len() <= fewResults {
		return m.JSONPb.Marshal(v) //nolint:wrapcheck // grpc-gateway's own
	}
	list := message.ProtoReflect().Get(field).List()
	results := make([]proto.Message, list.Len())
	for i := range results {
		results[i] = list.Get(i).Message().Interface()
	}
	message.ProtoReflect().Clear(field)
	rest, err := m.MarshalOptions.Marshal(message)
	if err != nil {
		return nil, fmt.Errorf("write an answer: %w", err)
	}
	var around bytes.Buffer
	if err := json.Compact(&around, rest); err != nil { // protojson's blanks are not always the same
		return nil, fmt.Errorf("write an answer: %w", err)
	}
	key := []byte(fmt.Sprintf("%q:[", field.JSONName())) // in a string its quotes would be escaped
	before, after, found := bytes.Cut(around.Bytes(), key)
	if !found {
		return nil, fmt.Errorf("write an answer: %s is not in it", field.JSONName())
	}
	var out []byte
	for i, result := range results {
		if i == 0 {
			out = append(append(out, before...), key...)
		} else {
			out = append(out, ',')
		}
		if out, err = m.MarshalAppend(out, result); err != nil {
			return nil, fmt.Errorf("write result %d: %w", i, err)
		}
		if results[i] = nil; i == 0 { // the others are about as long
			out = append(make([]byte, 0, len(out)*len(results)*5/4), out...) //nolint:mnd // with some to spare
		}
	}
	return append(out, after...), nil
}
