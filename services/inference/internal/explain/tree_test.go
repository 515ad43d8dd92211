package explain

import (
	"math"
	"math/bits"
	"math/rand/v2"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/futurisys/futurisys/proto/gen/onnx"
)

// brute are the Shapley values by their definition: over all coalitions of the
// features, each completed by every background row.
func brute(output func([]float32) float64, values []float32, background []float32) (base float64, shares []float64) {
	width := len(values)
	worth := make([]float64, 1<<width)
	count := len(background) / width
	mixed := make([]float32, width)
	for coalition := range worth {
		for i := range count {
			for feature, other := range row(background, i, width) {
				if mixed[feature] = other; coalition>>feature&1 == 1 {
					mixed[feature] = values[feature]
				}
			}
			worth[coalition] += output(mixed) / float64(count)
		}
	}
	shares = make([]float64, width)
	w := newWeights()
	for coalition, before := range worth {
		size := bits.OnesCount(uint(coalition))
		for feature := range shares {
			if coalition>>feature&1 == 0 {
				shares[feature] += w[size][width-1-size] * (worth[coalition|1<<feature] - before)
			}
		}
	}
	return worth[0], shares
}

// grow is a random tree with nodes of every mode, NaN and repeated features.
func grow(random *rand.Rand, f *forest, depth, width int) int32 {
	at := int32(len(f.nodes))
	f.nodes = append(f.nodes, node{feature: -1, value: random.NormFloat64()})
	if depth == 0 || random.IntN(6) == 0 {
		return at
	}
	n := node{
		feature: int32(random.IntN(width)), mode: mode(random.IntN(6)), threshold: float32(random.IntN(4)), missingYes: random.IntN(2) == 0,
	}
	n.yes = grow(random, f, depth-1, width)
	n.no = grow(random, f, depth-1, width)
	f.nodes[at] = n
	return at
}

// cells are random values among which many equal a threshold and some are missing.
func cells(random *rand.Rand, count int) []float32 {
	out := make([]float32, count)
	for i := range out {
		if out[i] = float32(random.IntN(8)) / 2; random.IntN(10) == 0 {
			out[i] = float32(math.NaN())
		}
	}
	return out
}

func TestTreesAgreeWithTheDefinition(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 200 {
		width := 1 + random.IntN(8)
		f := &forest{base: random.NormFloat64(), space: LogOdds}
		for range 1 + random.IntN(5) {
			f.roots = append(f.roots, grow(random, f, random.IntN(7), width))
		}
		background := cells(random, width*(1+random.IntN(6)))
		explainer := gather(f, identity(width), width, background)
		rows := cells(random, width*3)
		found, err := explainer.Explain(t.Context(), rows)
		if err != nil {
			t.Fatal(err)
		}
		for i, got := range found {
			base, want := brute(f.output, row(rows, i, width), background)
			sum := got.Base
			for feature, share := range got.Contributions {
				sum += share
				if math.Abs(share-want[feature]) > 1e-9 {
					t.Fatalf("feature %d: got %g, by the definition %g", feature, share, want[feature])
				}
			}
			if math.Abs(got.Base-base) > 1e-9 || math.Abs(sum-got.Output) > 1e-9 || math.Abs(got.Output-f.output(row(rows, i, width))) > 0 {
				t.Fatalf("base %g (%g), sum %g, output %g", got.Base, base, sum, got.Output)
			}
		}
	}
}

func TestFeatureThatIsNotUsedHasNoShare(t *testing.T) {
	f := &forest{nodes: []node{{feature: 1, threshold: 1, yes: 1, no: 2}, {feature: -1, value: 3}, {feature: -1, value: 5}}, roots: []int32{0}}
	explainer := gather(f, identity(3), 3, []float32{9, 0, 9, 8, 2, 8})
	found, err := explainer.Explain(t.Context(), []float32{1, 1, 1}) // the value is the threshold: it goes to yes
	if err != nil {
		t.Fatal(err)
	}
	if got := found[0]; got.Contributions[0] != 0 || got.Contributions[2] != 0 || got.Contributions[1] != -1 || got.Output != 3 {
		t.Errorf("got %+v", got)
	}
}

func TestTreeOfOneLeafGivesNothingToAnybody(t *testing.T) {
	f := &forest{nodes: []node{{feature: -1, value: 3}}, roots: []int32{0}, base: 1}
	explainer := gather(f, identity(2), 2, []float32{0, 0})
	found, err := explainer.Explain(t.Context(), []float32{1, 1})
	if err != nil || found[0].Output != 4 || found[0].Contributions[0] != 0 {
		t.Errorf("got %+v, %v", found, err)
	}
}

// FuzzReadForests holds for any bytes: a forest whose every walk ends, or an error.
func FuzzReadForests(f *testing.F) {
	good, err := proto.Marshal(&onnx.ModelProto{Graph: &onnx.GraphProto{Node: []*onnx.NodeProto{{
		OpType: new("TreeEnsembleRegressor"), Input: []string{"features"}, Output: []string{"probability"},
		Attribute: []*onnx.AttributeProto{
			{Name: new("nodes_treeids"), Ints: []int64{0, 0, 0}},
			{Name: new("nodes_nodeids"), Ints: []int64{0, 1, 2}},
			{Name: new("nodes_featureids"), Ints: []int64{1, 0, 0}},
			{Name: new("nodes_truenodeids"), Ints: []int64{1, 0, 0}},
			{Name: new("nodes_falsenodeids"), Ints: []int64{2, 0, 0}},
			{Name: new("nodes_values"), Floats: []float32{1, 0, 0}},
			{Name: new("nodes_modes"), Strings: [][]byte{[]byte("BRANCH_LEQ"), []byte("LEAF"), []byte("LEAF")}},
			{Name: new("target_treeids"), Ints: []int64{0, 0}},
			{Name: new("target_nodeids"), Ints: []int64{1, 2}},
			{Name: new("target_ids"), Ints: []int64{0, 0}},
			{Name: new("target_weights"), Floats: []float32{-1, 1}},
		},
	}}}})
	if err != nil {
		f.Fatal(err)
	}
	if forests, err := readForests(good); err != nil || forests[0].space != Probability || forests[0].output([]float32{0, 1}) != -1 {
		f.Fatalf("got %+v, %v", forests, err)
	}
	f.Add(good)
	f.Add([]byte("not ONNX"))
	f.Fuzz(func(_ *testing.T, graph []byte) {
		forests, err := readForests(graph)
		if err != nil {
			return
		}
		for _, forest := range forests {
			if forest.columns() <= 2 {
				forest.output([]float32{0, 1})
			}
		}
	})
}
