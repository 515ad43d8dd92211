package grpcserver

import (
	"sync"

	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/futurisys/futurisys/proto/catalogue"
	"github.com/futurisys/futurisys/services/platform/apierr"
	"github.com/futurisys/futurisys/services/platform/rules"

	// The codec that is wrapped below.
	_ "google.golang.org/grpc/encoding/proto"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// countFrom is the size from which the lists of a message are counted before it is decoded.
// Less cannot hold more than a few megabytes.
const countFrom = 64 << 10

// boundedCodec decodes protobuf, and refuses a message whose lists are longer than their
// rules allow before anything is made of them: an empty profile is two bytes on the wire and
// two hundred in memory.
type boundedCodec struct {
	encoding.CodecV2

	limits sync.Map // protoreflect.FullName to limitsOf's result
	// maxBytes is how large a message may be on the wire, by its type. What is sent twice
	// and decoded once would otherwise not count.
	maxBytes map[protoreflect.FullName]int64
	// wrong is what is wrong with a message, by its address, until somebody asks.
	wrong sync.Map
}

func newBoundedCodec() *boundedCodec {
	return &boundedCodec{CodecV2: encoding.GetCodecV2("proto"), maxBytes: map[protoreflect.FullName]int64{}}
}

// allow lets messages of a type be as large as the method that takes them says. Call it
// before the server serves.
func (c *boundedCodec) allow(message protoreflect.MessageDescriptor, size int64) {
	c.maxBytes[message.FullName()] = max(c.maxBytes[message.FullName()], size)
}

// Unmarshal decodes a message. It returns no error: grpc-go would answer with it at once, as
// a fault of ours, before any interceptor sees it. Whoever receives the message asks for it
// by problem.
func (c *boundedCodec) Unmarshal(data mem.BufferSlice, into any) error {
	if err := c.unmarshal(data, into); err != nil {
		c.wrong.Store(into, err)
	}
	return nil
}

// problem is what is wrong with a message that was just received; nil: nothing.
func (c *boundedCodec) problem(message any) error {
	if wrong, is := c.wrong.LoadAndDelete(message); is {
		return wrong.(error) //nolint:forcetypeassert // nothing else is put in
	}
	return nil
}

func (c *boundedCodec) unmarshal(data mem.BufferSlice, into any) error {
	if message, ok := into.(proto.Message); ok && data.Len() >= countFrom {
		limit, bounded := c.maxBytes[message.ProtoReflect().Descriptor().FullName()]
		if bounded && int64(data.Len()) > limit {
			return apierr.New(futurisysv1.ErrorReason_ERROR_REASON_TOO_LARGE, "max", limit)
		}
		if err := c.count(data, message.ProtoReflect().Descriptor()); err != nil {
			return err
		}
	}
	if err := c.CodecV2.Unmarshal(data, into); err != nil {
		return apierr.InvalidArgument(futurisysv1.ViolationReason_VIOLATION_REASON_MALFORMED, "", "cause", "not a message of this method")
	}
	return nil
}

// listLimit is a list and how many items it may have.
type listLimit struct {
	field protoreflect.FieldDescriptor
	max   int
}

func (c *boundedCodec) count(data mem.BufferSlice, message protoreflect.MessageDescriptor) error {
	limits := c.limitsOf(message)
	if len(limits) == 0 {
		return nil
	}
	buffer := data.MaterializeToBuffer(mem.DefaultBufferPool())
	defer buffer.Free()
	counts := map[protowire.Number]int{}
	for rest := buffer.ReadOnlyData(); len(rest) > 0; {
		number, kind, tagBytes := protowire.ConsumeTag(rest)
		if tagBytes < 0 {
			return nil // the decoder says what is wrong
		}
		valueBytes := protowire.ConsumeFieldValue(number, kind, rest[tagBytes:])
		if valueBytes < 0 {
			return nil // the decoder says what is wrong
		}
		if limit, bounded := limits[number]; bounded {
			counts[number] += items(limit.field, kind, rest[tagBytes:tagBytes+valueBytes])
			if counts[number] > limit.max {
				return apierr.Invalid(futurisysv1.ErrorReason_ERROR_REASON_INVALID_ARGUMENT,
					catalogue.Violation(futurisysv1.ViolationReason_VIOLATION_REASON_TOO_MANY_ITEMS, string(limit.field.Name()), "max", limit.max))
			}
		}
		rest = rest[tagBytes+valueBytes:]
	}
	return nil
}

// items is how many items of a list a value on the wire has: numbers come packed.
func items(field protoreflect.FieldDescriptor, kind protowire.Type, value []byte) int {
	packed := kind == protowire.BytesType && field.Kind() != protoreflect.MessageKind && field.Kind() != protoreflect.StringKind && field.Kind() != protoreflect.BytesKind
	if !packed {
		return 1
	}
	count := 0
	content, _ := protowire.ConsumeBytes(value)
	for _, b := range content {
		if b < 0x80 { //nolint:mnd // the last byte of a varint
			count++
		}
	}
	return count
}

func (c *boundedCodec) limitsOf(message protoreflect.MessageDescriptor) map[protowire.Number]listLimit {
	if known, ok := c.limits.Load(message.FullName()); ok {
		return known.(map[protowire.Number]listLimit) //nolint:forcetypeassert // nothing else is put in
	}
	limits := map[protowire.Number]listLimit{}
	for i := range message.Fields().Len() {
		field := message.Fields().Get(i)
		if limit := rules.MaxItems(field); field.IsList() && limit > 0 {
			limits[field.Number()] = listLimit{field, limit}
		}
	}
	c.limits.Store(message.FullName(), limits)
	return limits
}
