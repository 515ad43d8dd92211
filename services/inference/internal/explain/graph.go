package explain

import (
	"encoding/binary"
	"fmt"
	"math"

	"google.golang.org/protobuf/proto"

	"github.com/futurisys/futurisys/services/inference/internal/engine"

	"github.com/futurisys/futurisys/proto/gen/onnx"
)

// parse reads an ONNX model.
func parse(graph []byte) (*onnx.ModelProto, error) {
	model := &onnx.ModelProto{}
	if err := proto.Unmarshal(graph, model); err != nil {
		return nil, fmt.Errorf("%w: %w", engine.ErrGraph, err)
	}
	return model, nil
}

// onMargin is the same graph without its last sigmoid, whose probability output
// then is the log-odds. errUnfit: it does not end in a sigmoid.
func onMargin(graph []byte) ([]byte, error) {
	model, err := parse(graph)
	if err != nil {
		return nil, err
	}
	last, err := sigmoid(model)
	if err != nil {
		return nil, err
	}
	last.OpType = new("Identity")
	out, err := proto.Marshal(model)
	if err != nil {
		return nil, fmt.Errorf("write the graph: %w", err)
	}
	return out, nil
}

// sigmoid is the node that the graph ends in, but for nodes that only give the
// result another shape.
func sigmoid(model *onnx.ModelProto) (*onnx.NodeProto, error) {
	makers := map[string]*onnx.NodeProto{}
	for _, node := range model.GetGraph().GetNode() {
		for _, output := range node.GetOutput() {
			makers[output] = node
		}
	}
	for name := engine.OutputName; ; {
		node, ok := makers[name]
		if !ok || len(node.GetInput()) == 0 {
			return nil, fmt.Errorf("%w: it does not end in a sigmoid", errUnfit)
		}
		delete(makers, name) // a graph has no cycles, but these bytes may
		switch node.GetOpType() {
		case "Sigmoid":
			return node, nil
		case "Reshape", "Squeeze", "Flatten", "Identity":
			name = node.GetInput()[0]
		default:
			return nil, fmt.Errorf("%w: it ends in %s", errUnfit, node.GetOpType())
		}
	}
}

// withOutput is the same graph that answers one of its inner tensors as well.
func withOutput(graph []byte, name string) ([]byte, error) {
	model, err := parse(graph)
	if err != nil {
		return nil, err
	}
	model.GetGraph().Output = append(model.GetGraph().Output, &onnx.ValueInfoProto{
		Name: new(name),
		Type: &onnx.TypeProto{Value: &onnx.TypeProto_TensorType{TensorType: &onnx.TypeProto_Tensor{
			ElemType: new(int32(onnx.TensorProto_FLOAT)),
		}}},
	})
	out, err := proto.Marshal(model)
	if err != nil {
		return nil, fmt.Errorf("write the graph: %w", err)
	}
	return out, nil
}

// floats is an attribute of numbers, written as floats or as a tensor of doubles.
func floats(attribute map[string]*onnx.AttributeProto, name string) []float32 {
	if a, ok := attribute[name]; ok {
		return a.GetFloats()
	}
	tensor := attribute[name+"_as_tensor"].GetT()
	var out []float32
	for _, value := range tensor.GetDoubleData() {
		out = append(out, float32(value))
	}
	for raw := tensor.GetRawData(); len(raw) >= 8 && tensor.GetDataType() == int32(onnx.TensorProto_DOUBLE); raw = raw[8:] {
		out = append(out, float32(math.Float64frombits(binary.LittleEndian.Uint64(raw))))
	}
	return out
}

// attributes are those of a node by name.
func attributes(node *onnx.NodeProto) map[string]*onnx.AttributeProto {
	out := make(map[string]*onnx.AttributeProto, len(node.GetAttribute()))
	for _, attribute := range node.GetAttribute() {
		out[attribute.GetName()] = attribute
	}
	return out
}
