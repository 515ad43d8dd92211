package ort

import (
	"errors"
	"fmt"

	onnx "github.com/yalue/onnxruntime_go"
)

// keptBuffers is how many single-row buffers a session keeps for the next call.
const keptBuffers = 64

type session struct {
	graph   *onnx.DynamicAdvancedSession
	width   int
	columns int // of the output, 0: it is a vector
	// single holds idle buffers of one row: most calls are, and making the two
	// tensors costs as much as a tenth of the run. A channel and not a sync.Pool,
	// because what falls out must be destroyed by hand.
	single chan *buffers
}

// buffers are the tensors of one call. Their data is Go memory.
type buffers struct {
	rows, out *onnx.Tensor[float32]
}

// Score scores rows; see engine.Session.
func (s *session) Score(rows, out []float32) error {
	count := len(rows) / s.width
	if len(rows) != count*s.width || len(out) != count*max(s.columns, 1) {
		return fmt.Errorf("%d floats in and %d out are not rows of %d", len(rows), len(out), s.width)
	}
	if count == 0 {
		return nil
	}
	b, err := s.take(count)
	if err != nil {
		return err
	}
	copy(b.rows.GetData(), rows)
	if err := s.graph.Run([]onnx.Value{b.rows}, []onnx.Value{b.out}); err != nil {
		return errors.Join(fmt.Errorf("run the graph on %d rows: %w", count, err), b.destroy())
	}
	copy(out, b.out.GetData())
	return s.give(b, count)
}

// Close frees the graph and the kept buffers.
func (s *session) Close() error {
	var failed error
	for {
		select {
		case b := <-s.single:
			failed = errors.Join(failed, b.destroy())
		default:
			if err := s.graph.Destroy(); err != nil {
				failed = errors.Join(failed, fmt.Errorf("free the graph: %w", err))
			}
			return failed
		}
	}
}

func (s *session) take(count int) (*buffers, error) {
	if count == 1 {
		select {
		case b := <-s.single:
			return b, nil
		default:
		}
	}
	rows, err := onnx.NewEmptyTensor[float32](onnx.NewShape(int64(count), int64(s.width)))
	if err != nil {
		return nil, fmt.Errorf("make the input of %d rows: %w", count, err)
	}
	shape := onnx.NewShape(int64(count))
	if s.columns > 0 {
		shape = onnx.NewShape(int64(count), int64(s.columns))
	}
	out, err := onnx.NewEmptyTensor[float32](shape)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("make the output of %d rows: %w", count, err), rows.Destroy())
	}
	return &buffers{rows: rows, out: out}, nil
}

func (s *session) give(b *buffers, count int) error {
	if count == 1 {
		select {
		case s.single <- b:
			return nil
		default:
		}
	}
	return b.destroy()
}

func (b *buffers) destroy() error {
	return errors.Join(b.rows.Destroy(), b.out.Destroy())
}
