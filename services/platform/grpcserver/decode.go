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

	// The codec that is used below.
	_ "google.golang.org/grpc/encoding/proto"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// countFrom is the size from which the lists of a message are counted before it is decoded.
// Less cannot hold more than a few megabytes.
const countFrom = 64 << 10

// decoder decodes messages, and refuses one whose lists are longer than their rules allow
// before anything is made of them: an empty profile is two bytes on the wire and two hundred
// in memory.
type decoder struct {
	limits sync.Map // protoreflect.FullName to limitsOf's result
}

// decode decodes a message into a value. *apierr.Error: what is wrong with it.
func (d *decoder) decode(data mem.BufferSlice, into any) error {
	if message, ok := into.(proto.Message); ok && data.Len() >= countFrom {
		if err := d.count(data, message.ProtoReflect().Descriptor()); err != nil {
			return err
		}
	}
	if err := protobuf.Unmarshal(data, into); err != nil {
		return notAMessage("not a message of this method")
	}
	return nil
}

// protobuf is grpc-go's own codec.
var protobuf = encoding.GetCodecV2("proto")

// listLimit is a list and how many items it may have.
type listLimit struct {
	field protoreflect.FieldDescriptor
	max   int
}

func (d *decoder) count(data mem.BufferSlice, message protoreflect.MessageDescriptor) error {
	limits := d.limitsOf(message)
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

func (d *decoder) limitsOf(message protoreflect.MessageDescriptor) map[protowire.Number]listLimit {
	if known, ok := d.limits.Load(message.FullName()); ok {
		return known.(map[protowire.Number]listLimit) //nolint:forcetypeassert // nothing else is put in
	}
	limits := map[protowire.Number]listLimit{}
	for i := range message.Fields().Len() {
		field := message.Fields().Get(i)
		if limit := rules.MaxItems(field); field.IsList() && limit > 0 {
			limits[field.Number()] = listLimit{field, limit}
		}
	}
	d.limits.Store(message.FullName(), limits)
	return limits
}
