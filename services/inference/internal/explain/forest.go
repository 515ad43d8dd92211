package explain

import (
	"fmt"
	"math"
	"slices"

	"github.com/futurisys/futurisys/proto/gen/onnx"
)

// node is a node of a tree. A leaf has no feature.
type node struct {
	feature    int32 // column of the trees' input; -1: a leaf
	mode       mode
	threshold  float32
	yes, no    int32 // places of the children
	missingYes bool  // where NaN goes
	value      float64
}

// mode is how a node compares its feature with its threshold.
type mode int8

const (
	lessOrEqual mode = iota
	less
	greaterOrEqual
	greater
	equal
	notEqual
)

// goes says whether a value goes to the node's yes.
func (n *node) goes(value float32) bool {
	if math.IsNaN(float64(value)) {
		return n.missingYes
	}
	switch n.mode {
	case lessOrEqual:
		return value <= n.threshold
	case less:
		return value < n.threshold
	case greaterOrEqual:
		return value >= n.threshold
	case greater:
		return value > n.threshold
	case equal:
		return value == n.threshold
	default:
		return value != n.threshold
	}
}

// forest is a sum of trees on rows: the raw ones, or what the graph makes of them.
type forest struct {
	nodes []node
	roots []int32
	base  float64
	space Space
	input string // the tensor of its rows
}

// output is the forest's own answer for a row, float64.
func (f *forest) output(values []float32) float64 {
	sum := f.base
	for _, at := range f.roots {
		for n := &f.nodes[at]; ; n = &f.nodes[at] {
			if n.feature < 0 {
				sum += n.value
				break
			}
			if at = n.no; n.goes(values[n.feature]) {
				at = n.yes
			}
		}
	}
	return sum
}

// maxClasses bounds the classes that trees vote for.
const maxClasses = 64

// readForests reads the graph's one ensemble of trees: a forest for each class that
// the graph may answer, the last class first. errUnfit: it has none that can be read.
func readForests(graph []byte) ([]*forest, error) {
	model, err := parse(graph)
	if err != nil {
		return nil, err
	}
	var trees *onnx.NodeProto
	for _, n := range model.GetGraph().GetNode() {
		switch n.GetOpType() {
		case "TreeEnsembleRegressor", "TreeEnsembleClassifier":
			if trees != nil {
				return nil, fmt.Errorf("%w: it has several ensembles", errUnfit)
			}
			trees = n
		case "TreeEnsemble":
			return nil, fmt.Errorf("%w: TreeEnsemble of ai.onnx.ml 5 is not read", errUnfit)
		}
	}
	if trees == nil || len(trees.GetInput()) != 1 {
		return nil, fmt.Errorf("%w: it has no ensemble of trees", errUnfit)
	}
	attribute := attributes(trees)
	var out []*forest
	for _, class := range slices.Backward(classes(attribute)) {
		f, err := readNodes(attribute, class)
		if err != nil {
			return nil, err
		}
		f.input = trees.GetInput()[0]
		if err := f.readSpace(model, trees); err != nil {
			return nil, err
		}
		out = append(out, f)
	}
	if len(out) == 0 || len(out) > maxClasses {
		return nil, fmt.Errorf("%w: its trees vote for %d classes", errUnfit, len(out))
	}
	return out, nil
}

// classes are those that the leaves vote for, ascending.
func classes(attribute map[string]*onnx.AttributeProto) []int64 {
	return slices.Compact(slices.Sorted(slices.Values(attribute[leafPrefix(attribute)+"_ids"].GetInts())))
}

// leafPrefix is how the attributes of leaves begin.
func leafPrefix(attribute map[string]*onnx.AttributeProto) string {
	if _, ok := attribute["class_treeids"]; ok {
		return "class"
	}
	return "target"
}

// none is the transformation that leaves the trees' sum as it is.
const none = "NONE"

// readSpace finds what the trees' sum is.
func (f *forest) readSpace(model *onnx.ModelProto, trees *onnx.NodeProto) error {
	transform := none
	if a, ok := attributes(trees)["post_transform"]; ok {
		transform = string(a.GetS())
	}
	_, err := sigmoid(model)
	switch {
	case transform == "LOGISTIC" && err != nil, transform == none && err == nil:
		f.space = LogOdds
	case transform == none:
		f.space = Probability
	default:
		return fmt.Errorf("%w: its trees are followed by %s", errUnfit, transform)
	}
	return nil
}

// place is where a node stands in the arrays of an ensemble: its tree and its id.
type place [2]int64

// arrays are the parallel arrays of an ensemble's nodes.
type arrays struct {
	trees, ids, features, yes, no, missing []int64
	thresholds                             []float32
	modes                                  [][]byte
}

func readArrays(attribute map[string]*onnx.AttributeProto) (*arrays, error) {
	a := &arrays{
		trees: attribute["nodes_treeids"].GetInts(), ids: attribute["nodes_nodeids"].GetInts(),
		features: attribute["nodes_featureids"].GetInts(), yes: attribute["nodes_truenodeids"].GetInts(),
		no: attribute["nodes_falsenodeids"].GetInts(), missing: attribute["nodes_missing_value_tracks_true"].GetInts(),
		thresholds: floats(attribute, "nodes_values"), modes: attribute["nodes_modes"].GetStrings(),
	}
	for _, length := range []int{len(a.ids), len(a.features), len(a.yes), len(a.no), len(a.thresholds), len(a.modes)} {
		if length != len(a.trees) {
			return nil, fmt.Errorf("%w: its nodes are not whole", errUnfit)
		}
	}
	return a, nil
}

// readNodes reads the nodes of an ensemble and what its leaves are worth for a class.
func readNodes(attribute map[string]*onnx.AttributeProto, class int64) (*forest, error) {
	a, err := readArrays(attribute)
	if err != nil {
		return nil, err
	}
	f := &forest{nodes: make([]node, len(a.trees))}
	places, err := f.readPlaces(a)
	if err != nil {
		return nil, err
	}
	for i := range f.nodes {
		if string(a.modes[i]) == "LEAF" {
			f.nodes[i].feature = -1
		} else if err := f.nodes[i].readBranch(a, i, places); err != nil {
			return nil, err
		}
	}
	if err := f.readLeaves(attribute, places, class); err != nil {
		return nil, err
	}
	return f, f.readAggregate(attribute, class)
}

// columns is how many columns of its rows it needs.
func (f *forest) columns() int {
	highest := int32(-1)
	for i := range f.nodes {
		highest = max(highest, f.nodes[i].feature)
	}
	return int(highest) + 1
}

// readPlaces finds the trees' roots and where each node stands.
func (f *forest) readPlaces(a *arrays) (map[place]int32, error) {
	places := make(map[place]int32, len(a.trees))
	begun := map[int64]bool{}
	for i, id := range a.trees {
		at := place{id, a.ids[i]}
		if _, twice := places[at]; twice {
			return nil, fmt.Errorf("%w: node %v stands twice", errUnfit, at)
		}
		places[at] = int32(i)
		if i > 0 && id == a.trees[i-1] {
			continue
		}
		if begun[id] {
			return nil, fmt.Errorf("%w: the nodes of tree %d do not stand together", errUnfit, id)
		}
		begun[id] = true
		f.roots = append(f.roots, int32(i))
	}
	return places, nil
}

// readBranch reads the i-th node, which tests a feature.
func (n *node) readBranch(a *arrays, i int, places map[place]int32) error {
	var known bool
	if n.mode, known = modeOf(string(a.modes[i])); !known || a.features[i] < 0 || a.features[i] > math.MaxInt32 {
		return fmt.Errorf("%w: a node tests feature %d by %s", errUnfit, a.features[i], a.modes[i])
	}
	n.feature, n.threshold = int32(a.features[i]), a.thresholds[i]
	n.missingYes = i < len(a.missing) && a.missing[i] != 0
	var okYes, okNo bool
	n.yes, okYes = places[place{a.trees[i], a.yes[i]}]
	n.no, okNo = places[place{a.trees[i], a.no[i]}]
	// A child stands after its parent, so that no walk is endless.
	if !okYes || !okNo || n.yes <= int32(i) || n.no <= int32(i) {
		return fmt.Errorf("%w: a node's children do not stand behind it", errUnfit)
	}
	return nil
}

func modeOf(name string) (mode, bool) {
	at := slices.Index([]string{"BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ"}, name)
	return mode(at), at >= 0
}

// readLeaves reads what the leaves are worth for a class.
func (f *forest) readLeaves(attribute map[string]*onnx.AttributeProto, places map[place]int32, class int64) error {
	prefix := leafPrefix(attribute)
	trees, ids := attribute[prefix+"_treeids"].GetInts(), attribute[prefix+"_nodeids"].GetInts()
	targets, weights := attribute[prefix+"_ids"].GetInts(), floats(attribute, prefix+"_weights")
	if len(ids) != len(trees) || len(targets) != len(trees) || len(weights) != len(trees) {
		return fmt.Errorf("%w: its leaves are not whole", errUnfit)
	}
	for i := range trees {
		at, ok := places[place{trees[i], ids[i]}]
		if !ok || f.nodes[at].feature >= 0 {
			return fmt.Errorf("%w: a leaf's worth belongs to no leaf", errUnfit)
		}
		if targets[i] == class {
			f.nodes[at].value += float64(weights[i])
		}
	}
	return nil
}

// readAggregate reads how the trees are put together, and what they start from.
func (f *forest) readAggregate(attribute map[string]*onnx.AttributeProto, class int64) error {
	if a, ok := attribute["aggregate_function"]; ok && string(a.GetS()) != "SUM" {
		if string(a.GetS()) != "AVERAGE" {
			return fmt.Errorf("%w: its trees are put together by %s", errUnfit, a.GetS())
		}
		for i := range f.nodes {
			f.nodes[i].value /= float64(len(f.roots))
		}
	}
	// Where two classes have one vote a leaf, their only number is that of the second,
	// whatever its id.
	if bases := floats(attribute, "base_values"); len(bases) > 0 {
		f.base = float64(bases[min(max(int(class), 0), len(bases)-1)])
	}
	return nil
}
