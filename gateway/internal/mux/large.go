package mux

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"runtime"

	"golang.org/x/sync/semaphore"
	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding"
	encodingproto "google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

const (
	// largeAnswer is from how many bytes on the results of an answer are decoded one by one.
	// 10,000 explained rows are 12 MB as they come, 100 MB as messages, 50 MB as JSON.
	largeAnswer = 512 << 10
	// writeBytes is about how much of a large answer is written at once.
	writeBytes = 32 << 10
	// largeBody is from how many bytes on a body is decoded beside no other.
	largeBody = 256 << 10
)

// large is for what decodes a large body, or encodes a part of a large answer: they leave a
// processor to what is small.
var large = semaphore.NewWeighted(int64(max(runtime.GOMAXPROCS(0)-1, 1)))

// resultsField is the list of an answer that has a result for each of many rows; nil: it is
// another answer.
func resultsField(message proto.Message) protoreflect.FieldDescriptor {
	switch message.(type) {
	case *futurisysv1.BatchPredictResponse, *futurisysv1.PredictEmployeesResponse:
		return message.ProtoReflect().Descriptor().Fields().ByName("results")
	}
	return nil
}

// lateResults calls a service whose large answers keep their results as they came, as
// unknown fields: writeLarge decodes them.
type lateResults struct{ grpc.ClientConnInterface }

// Invoke calls a method.
func (c lateResults) Invoke(ctx context.Context, method string, args, reply any, opts ...grpc.CallOption) error {
	codec := lateCodec{encoding.GetCodecV2(encodingproto.Name)}
	return c.ClientConnInterface.Invoke(ctx, method, args, reply, append(opts, grpc.ForceCodecV2(codec))...) //nolint:wrapcheck // a status
}

// lateCodec is protobuf's, but for large answers.
type lateCodec struct{ encoding.CodecV2 }

// Unmarshal reads a message.
func (c lateCodec) Unmarshal(data mem.BufferSlice, v any) error {
	message, is := v.(proto.Message)
	if !is || data.Len() < largeAnswer || resultsField(message) == nil {
		return c.CodecV2.Unmarshal(data, v) //nolint:wrapcheck // gRPC's own
	}
	number := resultsField(message).Number()
	wire := data.Materialize()
	var rest, results []byte
	for len(wire) > 0 {
		field, _, n := protowire.ConsumeField(wire)
		switch {
		case n < 0:
			return fmt.Errorf("read an answer: %w", protowire.ParseError(n))
		case field == number && results == nil:
			results = wire[:0] // they are moved together where they stand
			fallthrough
		case field == number:
			results = append(results, wire[:n]...)
		default:
			rest = append(rest, wire[:n]...)
		}
		wire = wire[n:]
	}
	if err := proto.Unmarshal(rest, message); err != nil {
		return fmt.Errorf("read an answer: %w", err)
	}
	message.ProtoReflect().SetUnknown(results)
	return nil
}

// writeLarge writes an answer whose results came late, result by result: each is let go of
// when it is written.
func (m *marshaler) writeLarge(ctx context.Context, w http.ResponseWriter, message proto.Message) error {
	answer, is := w.(*answerWriter)
	field := resultsField(message)
	if !is || field == nil || len(message.ProtoReflect().GetUnknown()) == 0 {
		return nil
	}
	results := message.ProtoReflect().GetUnknown()
	message.ProtoReflect().SetUnknown(nil)
	before, after, err := m.around(message, field)
	if err != nil {
		return err
	}
	answer.written = true
	part := before
	for first := true; len(results) > 0; first = false {
		if part, results, err = m.appendResults(ctx, part, results, first); err != nil {
			break
		}
		if _, err = answer.ResponseWriter.Write(part); err != nil {
			break
		}
		part = part[:0]
	}
	if err != nil {
		panic(http.ErrAbortHandler) // it has begun: what is cut off must not look whole
	}
	_, _ = answer.ResponseWriter.Write(after) // who has gone misses it
	return nil
}

// around returns what stands before and after the results of an answer without them.
func (m *marshaler) around(message proto.Message, field protoreflect.FieldDescriptor) (before, after []byte, err error) {
	written, err := m.MarshalOptions.Marshal(message)
	if err != nil {
		return nil, nil, fmt.Errorf("write an answer: %w", err)
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, written); err != nil { // protojson's blanks are not always the same
		return nil, nil, fmt.Errorf("write an answer: %w", err)
	}
	key := fmt.Appendf(nil, "%q:[", field.JSONName()) // in a string its quotes would be escaped
	before, after, found := bytes.Cut(compact.Bytes(), key)
	if !found {
		return nil, nil, fmt.Errorf("write an answer: %s is not in it", field.JSONName())
	}
	return append(bytes.Clone(before), key...), after, nil
}

// appendResults appends results until it is time to write, and returns those that are left.
func (m *marshaler) appendResults(ctx context.Context, out, results []byte, first bool) (part, rest []byte, err error) {
	if err := large.Acquire(context.WithoutCancel(ctx), 1); err != nil { // what was ready in time is handed over
		return nil, nil, fmt.Errorf("write an answer: %w", err)
	}
	defer large.Release(1)
	for ; len(results) > 0 && len(out) < writeBytes; first = false {
		_, _, tag := protowire.ConsumeTag(results)
		wire, n := protowire.ConsumeBytes(results[tag:])
		var result futurisysv1.RowResult // of both answers
		if err := proto.Unmarshal(wire, &result); err != nil {
			return nil, nil, fmt.Errorf("read a result: %w", err)
		}
		results = results[tag+n:]
		if !first {
			out = append(out, ',')
		}
		if out, err = m.MarshalAppend(out, &result); err != nil {
			return nil, nil, fmt.Errorf("write a result: %w", err)
		}
	}
	return out, results, nil
}

// answerWriter takes an answer once.
type answerWriter struct {
	http.ResponseWriter

	written bool // what grpc-gateway has still to write is nothing
}

// Write writes on.
func (w *answerWriter) Write(p []byte) (int, error) {
	if w.written {
		return len(p), nil
	}
	return w.ResponseWriter.Write(p) //nolint:wrapcheck // net/http's own
}

// Unwrap is for http.ResponseController.
func (w *answerWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// writeOnce lets a large answer be written in parts.
func writeOnce(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(&answerWriter{ResponseWriter: w}, r)
	})
}
