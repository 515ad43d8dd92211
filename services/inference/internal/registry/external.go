package registry

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/futurisys/futurisys/proto/gen/onnx"
)

// ErrExternal says that a graph has weights in another file, which no digest covers and
// which ONNX Runtime would look for in this process's own folder.
var ErrExternal = errors.New("weights must be inside model.onnx")

// checkInside refuses a graph with a tensor outside of it, wherever it stands.
func checkInside(graph []byte) error {
	var model onnx.ModelProto
	if err := proto.Unmarshal(graph, &model); err != nil {
		return nil //nolint:nilerr // not ONNX: the engine says so
	}
	if name, found := external(model.ProtoReflect()); found {
		return fmt.Errorf("%w: tensor %q is in another file", ErrExternal, name)
	}
	return nil
}

// external looks for a tensor outside of the graph, and returns its name.
func external(message protoreflect.Message) (name string, found bool) {
	if tensor, ok := message.Interface().(*onnx.TensorProto); ok {
		outside := tensor.GetDataLocation() == onnx.TensorProto_EXTERNAL || len(tensor.GetExternalData()) > 0
		return tensor.GetName(), outside
	}
	message.Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		switch {
		case field.Message() == nil || field.IsMap():
		case field.IsList():
			for i := range value.List().Len() {
				if name, found = external(value.List().Get(i).Message()); found {
					break
				}
			}
		default:
			name, found = external(value.Message())
		}
		return !found
	})
	return name, found
}
