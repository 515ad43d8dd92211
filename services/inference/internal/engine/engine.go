// Package engine says what running a model's graph means, whatever runs it.
package engine

import "errors"

// Names of the graph's only input and only output.
const (
	InputName  = "features"
	OutputName = "probability"
)

// ErrGraph says that a graph is not one that can be served: it does not load,
// or its input or output is not as a model package has them.
var ErrGraph = errors.New("the graph cannot be served")

// Session is a loaded graph. It may be used by many goroutines at once.
type Session interface {
	// Score fills out, float32 [N], with the probability of each row of rows,
	// float32 [N, F] row by row.
	Score(rows, out []float32) error
	// Close frees the graph. No Score may be under way or follow.
	Close() error
}

// Runtime loads graphs.
type Runtime interface {
	// Load loads an ONNX graph that takes rows of width features. ErrGraph: it
	// cannot be served.
	Load(graph []byte, width int) (Session, error)
	// LoadMatrix loads a graph that takes rows of width features and answers some of its
	// tensors, float32 [N, C], by that tensor's name: Score's out then is C floats a
	// row. ErrGraph: it has no such tensor, or its C is not fixed.
	LoadMatrix(graph []byte, width int, output string) (session Session, columns int, err error)
	// Version names the runtime, for people.
	Version() string
}
