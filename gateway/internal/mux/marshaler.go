package mux

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/futurisys/futurisys/gateway/internal/jsoncodec"
	"github.com/futurisys/futurisys/services/platform/apierr"
)

// marshaler writes protojson's own form, default values included, and reads
// strictly.
type marshaler struct {
	runtime.JSONPb

	decoder *jsoncodec.Decoder
}

func newMarshaler() *marshaler {
	return &marshaler{
		JSONPb:  runtime.JSONPb{MarshalOptions: protojson.MarshalOptions{EmitDefaultValues: true}},
		decoder: &jsoncodec.Decoder{},
	}
}

// NewDecoder returns a decoder of one body. Routes that take a body need one:
// grpc-gateway would take io.EOF for an empty message.
func (m *marshaler) NewDecoder(body io.Reader) runtime.Decoder {
	return runtime.DecoderFunc(func(into any) error {
		data, err := io.ReadAll(body)
		if err != nil {
			return fmt.Errorf("read the body: %w", err)
		}
		if len(data) == 0 {
			return bodyError{[]jsoncodec.Problem{{Description: "the body is empty"}}}
		}
		return m.Unmarshal(data, into)
	})
}

// Unmarshal reads one body.
func (m *marshaler) Unmarshal(data []byte, into any) error {
	message, ok := into.(proto.Message)
	if !ok {
		return m.JSONPb.Unmarshal(data, into) //nolint:wrapcheck // grpc-gateway's own
	}
	err := m.decoder.Decode(data, message)
	if wrong, ok := errors.AsType[*jsoncodec.Error](err); ok {
		return bodyError{wrong.Problems}
	}
	return err //nolint:wrapcheck // it says what it was doing
}

// bodyError carries problems of a body through grpc-gateway's generated code,
// which keeps only the text of an error. The separators cannot stand in a JSON
// text unescaped.
type bodyError struct {
	problems []jsoncodec.Problem
}

const (
	bodyErrorMark = "\x02"
	fieldEnd      = "\x1f"
	problemEnd    = "\x1e"
)

// Error is the problems as text that bodyViolations reads back.
func (e bodyError) Error() string {
	var out strings.Builder
	out.WriteString(bodyErrorMark)
	clean := strings.NewReplacer(fieldEnd, " ", problemEnd, " ")
	for _, problem := range e.problems {
		out.WriteString(clean.Replace(problem.Field) + fieldEnd + clean.Replace(problem.Description) + problemEnd)
	}
	return out.String()
}

// bodyViolations reads what bodyError wrote; false: the text is not of a bodyError.
func bodyViolations(text string) ([]apierr.Violation, bool) {
	_, list, found := strings.Cut(text, bodyErrorMark)
	if !found {
		return nil, false
	}
	var out []apierr.Violation
	for entry := range strings.SplitSeq(strings.TrimSuffix(list, problemEnd), problemEnd) {
		field, description, _ := strings.Cut(entry, fieldEnd)
		out = append(out, apierr.Violation{Field: field, Description: description})
	}
	return out, true
}
