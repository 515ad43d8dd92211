package explain

import (
	"math"
	"os"
	"sync"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/futurisys/futurisys/services/inference/internal/engine"
	"github.com/futurisys/futurisys/services/inference/internal/engine/enginetest"

	"github.com/futurisys/futurisys/proto/gen/onnx"
)

const goldenWidth = 8

// behindMatrix puts a matrix, given by its columns, between a golden graph's row and its
// trees.
func behindMatrix(t *testing.T, name string, cell func(from, to int) float32) []byte {
	t.Helper()
	raw, err := os.ReadFile("testdata/" + name + ".onnx")
	if err != nil {
		t.Fatal(err)
	}
	model, err := parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	matrix := &onnx.TensorProto{Name: new("matrix"), DataType: new(int32(onnx.TensorProto_FLOAT)), Dims: []int64{goldenWidth, goldenWidth}}
	for from := range goldenWidth {
		for to := range goldenWidth {
			matrix.FloatData = append(matrix.FloatData, cell(from, to))
		}
	}
	graph := model.GetGraph()
	for _, node := range graph.GetNode() {
		for i, input := range node.GetInput() {
			if input == engine.InputName {
				node.Input[i] = "mixed"
			}
		}
	}
	product := &onnx.NodeProto{OpType: new("MatMul"), Input: []string{engine.InputName, "matrix"}, Output: []string{"mixed"}}
	graph.Node = append([]*onnx.NodeProto{product}, graph.GetNode()...)
	graph.Initializer = append(graph.GetInitializer(), matrix)
	out, err := proto.Marshal(model)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func smallRows(count int) []float32 {
	out := make([]float32, count*goldenWidth)
	for i := range out {
		out[i] = float32(i*7%11) / 2
	}
	return out
}

// Columns that are made of one feature each belong to it, wherever they stand; a column
// of two features has no owner, and the version is explained by an estimate that says
// so.
func TestColumnsOfSeveralFeaturesAreNotExplainedExactly(t *testing.T) {
	background := smallRows(30)
	swapped := behindMatrix(t, "gradient_boosting", func(from, to int) float32 {
		if from == goldenWidth-1-to {
			return 1
		}
		return 0
	})
	explainer, err := New(Tree, swapped, enginetest.Open(t), goldenWidth, background)
	if err != nil {
		t.Fatal(err)
	}
	defer explainer.Close()
	plainGraph, err := os.ReadFile("testdata/gradient_boosting.onnx")
	if err != nil {
		t.Fatal(err)
	}
	plain, err := New(Tree, plainGraph, enginetest.Open(t), goldenWidth, reversed(background))
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	row := smallRows(1)
	got, err := explainer.Explain(t.Context(), row)
	if err != nil {
		t.Fatal(err)
	}
	want, err := plain.Explain(t.Context(), reversed(row))
	if err != nil {
		t.Fatal(err)
	}
	for feature, share := range got[0].Contributions {
		if explainer.Method() != Tree || math.Abs(share-want[0].Contributions[goldenWidth-1-feature]) > 1e-12 {
			t.Errorf("feature %d: got %g by %s, want %g", feature, share, explainer.Method(), want[0].Contributions[goldenWidth-1-feature])
		}
	}
	mixed := behindMatrix(t, "gradient_boosting", func(from, to int) float32 {
		if from == to || from == 0 && to == 1 {
			return 1
		}
		return 0
	})
	estimate, err := New(Tree, mixed, enginetest.Open(t), goldenWidth, background)
	if err != nil {
		t.Fatal(err)
	}
	defer estimate.Close()
	if estimate.Method() != Permutation {
		t.Errorf("it is explained by %s", estimate.Method())
	}
}

// reversed are rows with their features in the other order.
func reversed(rows []float32) []float32 {
	out := make([]float32, len(rows))
	for i := range rows {
		out[i-i%goldenWidth+goldenWidth-1-i%goldenWidth] = rows[i]
	}
	return out
}

// A category that no background row has belongs to its feature all the same, once
// somebody has it.
func TestCategoryThatTheBackgroundLacks(t *testing.T) {
	raw, err := os.ReadFile("testdata/trees_behind_one_hot.onnx")
	if err != nil {
		t.Fatal(err)
	}
	background, rows := smallRows(30), smallRows(12)
	for i := range len(background) / goldenWidth {
		background[i*goldenWidth], background[i*goldenWidth+1] = float32(i%3), float32(i%2) // of four each
	}
	for i := range len(rows) / goldenWidth {
		rows[i*goldenWidth], rows[i*goldenWidth+1] = float32(i%4), float32(3-i%4)
	}
	found, err := New(Tree, raw, enginetest.Open(t), goldenWidth, background)
	if err != nil {
		t.Fatal(err)
	}
	defer found.Close()
	explainer, ok := found.(*tree)
	if !ok {
		t.Fatalf("it is explained by %s", found.Method())
	}
	// All at once, as callers come.
	var all sync.WaitGroup
	for i := range len(rows) / goldenWidth {
		all.Go(func() {
			values := row(rows, i, goldenWidth)
			got, err := explainer.Explain(t.Context(), values)
			if err != nil {
				t.Error(err)
				return
			}
			_, want := brute(func(mixed []float32) float64 {
				encoded, err := explainer.encoder.encode(mixed)
				if err != nil {
					t.Error(err)
					return 0
				}
				return explainer.forest.output(encoded)
			}, values, background)
			for feature, share := range got[0].Contributions {
				if math.Abs(share-want[feature]) > 1e-9 {
					t.Errorf("row %d, feature %d: got %g, by the definition %g", i, feature, share, want[feature])
				}
			}
		})
	}
	all.Wait()
}

// A graph that does something with the trees' sum besides is not explained by the trees.
func TestWhatFollowsTheTreesIsNotLeftOut(t *testing.T) {
	raw, err := os.ReadFile("testdata/random_forest.onnx")
	if err != nil {
		t.Fatal(err)
	}
	model, err := parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	graph := model.GetGraph()
	for _, node := range graph.GetNode() {
		if node.GetOutput()[0] == engine.OutputName {
			node.Output[0] = "before"
		}
	}
	graph.Node = append(graph.GetNode(), &onnx.NodeProto{OpType: new("Sqrt"), Input: []string{"before"}, Output: []string{engine.OutputName}})
	changed, err := proto.Marshal(model)
	if err != nil {
		t.Fatal(err)
	}
	explainer, err := New(Tree, changed, enginetest.Open(t), goldenWidth, smallRows(30))
	if err != nil {
		t.Fatal(err)
	}
	defer explainer.Close()
	if explainer.Method() != Permutation {
		t.Errorf("it is explained by %s", explainer.Method())
	}
}
