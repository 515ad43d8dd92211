// Package ort runs graphs with ONNX Runtime. Nothing else here links C.
package ort

import (
	"fmt"
	"os"
	"slices"
	"strings"

	onnx "github.com/yalue/onnxruntime_go"

	"github.com/futurisys/futurisys/services/inference/internal/engine"
)

// Runtime is ONNX Runtime, once a process.
type Runtime struct{}

// Open loads the shared library at path.
func Open(path string) (*Runtime, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("ONNXRUNTIME_LIB: %w", err)
	}
	// Official Linux builds send telemetry from 1.29 on, unless they read this
	// before they start.
	if err := os.Setenv("ORT_DISABLE_TELEMETRY", "1"); err != nil {
		return nil, fmt.Errorf("turn telemetry off: %w", err)
	}
	onnx.SetSharedLibraryPath(path)
	if err := onnx.InitializeEnvironment(onnx.WithLogLevelError()); err != nil {
		return nil, fmt.Errorf("ONNXRUNTIME_LIB: start ONNX Runtime from %s: %w", path, err)
	}
	if err := onnx.DisableTelemetry(); err != nil {
		return nil, fmt.Errorf("turn telemetry off: %w", err)
	}
	return &Runtime{}, nil
}

// Version names the runtime.
func (*Runtime) Version() string { return "onnxruntime " + onnx.GetVersion() }

// Close ends ONNX Runtime; every session must be closed before.
func (*Runtime) Close() error {
	if err := onnx.DestroyEnvironment(); err != nil {
		return fmt.Errorf("end ONNX Runtime: %w", err)
	}
	return nil
}

// Load loads a graph; see engine.Runtime.
func (*Runtime) Load(graph []byte, width int) (engine.Session, error) {
	outputs, err := readSignature(graph, width)
	if err != nil {
		return nil, err
	}
	if err := checkSignature("output", outputs, engine.OutputName, onnx.NewShape(-1)); err != nil {
		return nil, err
	}
	return load(graph, engine.OutputName, width, 0)
}

// LoadMatrix loads a graph; see engine.Runtime.
func (*Runtime) LoadMatrix(graph []byte, width int, output string) (engine.Session, int, error) {
	outputs, err := readSignature(graph, width)
	if err != nil {
		return nil, 0, err
	}
	at := slices.IndexFunc(outputs, func(o onnx.InputOutputInfo) bool { return o.Name == output })
	if at < 0 || outputs[at].DataType != onnx.TensorElementDataTypeFloat || len(outputs[at].Dimensions) != 2 || outputs[at].Dimensions[1] < 1 {
		return nil, 0, fmt.Errorf("%w: %q is no float32 matrix of a fixed width", engine.ErrGraph, output)
	}
	columns := int(outputs[at].Dimensions[1])
	loaded, err := load(graph, output, width, columns)
	return loaded, columns, err
}

// load makes a session that answers one output: a vector, or a matrix of so many
// columns.
func load(graph []byte, output string, width, columns int) (engine.Session, error) {
	options, err := sessionOptions()
	if err != nil {
		return nil, err
	}
	defer options.Destroy() //nolint:errcheck // nothing can be done about it
	loaded, err := onnx.NewDynamicAdvancedSessionWithONNXData(graph, []string{engine.InputName}, []string{output}, options)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", engine.ErrGraph, err)
	}
	return &session{graph: loaded, width: width, columns: columns, single: make(chan *buffers, keptBuffers)}, nil
}

// sessionOptions gives a call one thread: callers come in parallel, and a graph
// of a few small nodes only loses by sharing its work out.
func sessionOptions() (*onnx.SessionOptions, error) {
	options, err := onnx.NewSessionOptions()
	if err != nil {
		return nil, fmt.Errorf("make session options: %w", err)
	}
	for _, set := range []error{
		options.SetIntraOpNumThreads(1),
		options.SetInterOpNumThreads(1),
		options.SetGraphOptimizationLevel(onnx.GraphOptimizationLevelEnableAll),
	} {
		if set != nil {
			return nil, fmt.Errorf("set session options: %w", set)
		}
	}
	return options, nil
}

// readSignature returns the outputs of a graph whose only input are rows of width.
func readSignature(graph []byte, width int) ([]onnx.InputOutputInfo, error) {
	inputs, outputs, err := onnx.GetInputOutputInfoWithONNXData(graph)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", engine.ErrGraph, err)
	}
	return outputs, checkSignature("input", inputs, engine.InputName, onnx.NewShape(-1, int64(width)))
}

func checkSignature(kind string, found []onnx.InputOutputInfo, name string, shape onnx.Shape) error {
	if len(found) != 1 || found[0].Name != name {
		names := make([]string, len(found))
		for i, one := range found {
			names[i] = one.Name
		}
		return fmt.Errorf("%w: its only %s must be %q, it has %q", engine.ErrGraph, kind, name, names)
	}
	one := found[0]
	if one.DataType != onnx.TensorElementDataTypeFloat || !slices.Equal(one.Dimensions, shape) {
		return fmt.Errorf("%w: %s %q must be float32 %v (-1: any number of rows), it is %v %v",
			engine.ErrGraph, kind, name, shape, typeName(one.DataType), one.Dimensions)
	}
	return nil
}

// typeName is a type's name as ONNX says it: float64, and not the name of C's enum.
func typeName(t onnx.TensorElementDataType) string {
	name := strings.ToLower(strings.TrimPrefix(t.String(), "ONNX_TENSOR_ELEMENT_DATA_TYPE_"))
	switch name {
	case "float":
		return "float32"
	case "double":
		return "float64"
	}
	return name
}
