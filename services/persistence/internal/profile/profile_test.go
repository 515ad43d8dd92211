package profile

import (
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// A field of the API that is not stored would be lost without a word.
func TestEveryFieldOfAProfileIsStored(t *testing.T) {
	fields := (&futurisysv1.EmployeeProfile{}).ProtoReflect().Descriptor().Fields()
	if stored := len(places()); stored != fields.Len() {
		t.Errorf("%d fields are stored, the API has %d", stored, fields.Len())
	}
	for i := range fields.Len() {
		field, want := fields.Get(i), &futurisysv1.EmployeeProfile{}
		value := map[protoreflect.Kind]protoreflect.Value{
			protoreflect.Int32Kind: protoreflect.ValueOfInt32(7), protoreflect.BoolKind: protoreflect.ValueOfBool(true),
			protoreflect.StringKind: protoreflect.ValueOfString("x"),
		}[field.Kind()]
		want.ProtoReflect().Set(field, value)
		if got := Message(FromMessage(want)); !proto.Equal(got, want) {
			t.Errorf("%s: got %v, want %v", field.Name(), got, want)
		}
	}
	if got := FromMessage(nil); got.Age != nil {
		t.Errorf("got %v", got)
	}
}
