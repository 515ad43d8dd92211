package mux

import (
	"context"
	"errors"
	"io"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/futurisys/futurisys/gateway/internal/jsoncodec"
	"github.com/futurisys/futurisys/services/platform/apierr"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// marshaler writes protojson's own form, default values included, and reads
// strictly.
type marshaler struct {
	runtime.JSONPb

	decoder *jsoncodec.Decoder
}

func newMarshaler(decoder *jsoncodec.Decoder) *marshaler {
	return &marshaler{
		JSONPb:  runtime.JSONPb{MarshalOptions: protojson.MarshalOptions{EmitDefaultValues: true}},
		decoder: decoder,
	}
}

// NewDecoder returns a decoder of one body. Routes that take a body need one:
// grpc-gateway would take io.EOF for an empty message. What is wrong with it stands in the
// requestBody.
func (m *marshaler) NewDecoder(body io.Reader) runtime.Decoder {
	return runtime.DecoderFunc(func(into any) error {
		err := m.read(body, into)
		noted, ok := body.(*requestBody)
		if !ok {
			return err
		}
		if message, is := into.(proto.Message); err == nil && is && noted.route.Method != nil {
			err = noted.contradicts(message.ProtoReflect())
		}
		noted.err = err
		return err
	})
}

func (m *marshaler) read(body io.Reader, into any) error {
	data, err := readAll(body)
	if err != nil {
		return err
	}
	if len(data) >= largeBody {
		_ = large.Acquire(context.Background(), 1) // it takes milliseconds
		defer large.Release(1)
	}
	return m.Unmarshal(data, into)
}

// Unmarshal reads one body.
func (m *marshaler) Unmarshal(data []byte, into any) error {
	message, ok := into.(proto.Message)
	if !ok {
		return m.JSONPb.Unmarshal(data, into) //nolint:wrapcheck // grpc-gateway's own
	}
	return decodeBody(m.decoder, data, message)
}

// decodeBody reads a body into a message, and says all that is wrong with it.
func decodeBody(decoder *jsoncodec.Decoder, data []byte, into proto.Message) error {
	if len(data) == 0 {
		return apierr.InvalidArgument(futurisysv1.ViolationReason_VIOLATION_REASON_EMPTY, "")
	}
	err := decoder.Decode(data, into)
	if wrong, ok := errors.AsType[*jsoncodec.Error](err); ok {
		return apierr.Invalid(futurisysv1.ErrorReason_ERROR_REASON_INVALID_ARGUMENT, wrong.Violations...)
	}
	return err //nolint:wrapcheck // it says what it was doing
}
