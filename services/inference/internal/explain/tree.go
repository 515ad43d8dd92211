package explain

import (
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
)

// mostPlayers bounds the features that one path may test.
const mostPlayers = 64

// weights are w[a][b] = a! b! / (a + b + 1)!: how often, among all orders, a given
// feature comes just after the a it follows and before the b others.
type weightTable [mostPlayers + 1][mostPlayers + 1]float64

func newWeights() *weightTable {
	w := &weightTable{}
	for a := range w {
		w[a][0] = 1 / float64(a+1)
		for b := 1; b < len(w[a]); b++ {
			w[a][b] = w[a][b-1] * float64(b) / float64(a+b+1)
		}
	}
	return w
}

// tree explains a sum of trees by interventional TreeSHAP: exact for every
// background row, and their mean.
type tree struct {
	forest  *forest
	width   int
	base    float64
	weights *weightTable
	crowds  [][]crowd // by tree
}

// crowd is the background rows that go the same way at every node of a tree, so
// that the tree tells them apart nowhere: one walk serves them all.
type crowd struct {
	yes   []uint64 // a bit for each node of the tree, from its root
	share float64  // of the background rows
}

// goes says whether the crowd goes to yes at the node so far behind the root.
func (c *crowd) goes(offset int32) bool { return c.yes[offset/64]>>(offset%64)&1 == 1 }

func newTree(graph []byte, width int, background []float32) (Explainer, error) {
	forest, err := readForest(graph, width)
	if err != nil {
		return nil, err
	}
	return gather(forest, width, background), nil
}

// gather finds, tree by tree, which background rows go the same way everywhere.
func gather(forest *forest, width int, background []float32) *tree {
	t := &tree{forest: forest, width: width, weights: newWeights(), crowds: make([][]crowd, len(forest.roots))}
	count := len(background) / width
	for i := range count {
		t.base += forest.output(row(background, i, width)) / float64(count)
	}
	for number, root := range forest.roots {
		end := int32(len(forest.nodes))
		if number+1 < len(forest.roots) {
			end = forest.roots[number+1]
		}
		places := map[string]int{}
		var key []byte
		yes := make([]uint64, (end-root+63)/64) //nolint:mnd // bits of a word
		for i := range count {
			clear(yes)
			for at := root; at < end; at++ {
				if n := &forest.nodes[at]; n.feature >= 0 && n.goes(row(background, i, width)[n.feature]) {
					yes[(at-root)/64] |= 1 << ((at - root) % 64) //nolint:mnd // bits of a word
				}
			}
			key = key[:0]
			for _, word := range yes {
				key = binary.LittleEndian.AppendUint64(key, word)
			}
			place, ok := places[string(key)]
			if !ok {
				place = len(t.crowds[number])
				places[string(key)] = place
				t.crowds[number] = append(t.crowds[number], crowd{yes: slices.Clone(yes)})
			}
			t.crowds[number][place].share += 1 / float64(count)
		}
	}
	return t
}

// Explain explains rows, on all cores; see Explainer.
func (t *tree) Explain(rows []float32) ([]Explanation, error) {
	if err := checkRows(rows, t.width); err != nil {
		return nil, err
	}
	out := make([]Explanation, len(rows)/t.width)
	failed := make([]error, min(runtime.GOMAXPROCS(0), len(out)))
	var workers sync.WaitGroup
	for worker := range failed {
		workers.Go(func() {
			walk := newWalk(t)
			for i := worker; i < len(out) && failed[worker] == nil; i += len(failed) {
				out[i], failed[worker] = walk.explain(row(rows, i, t.width))
			}
		})
	}
	workers.Wait()
	return out, errors.Join(failed...)
}

func (t *tree) Method() Method { return Tree }
func (t *tree) Space() Space   { return t.forest.space }
func (t *tree) Close() error   { return nil }

// walk goes through the trees with one row and one crowd at a time. At a node that
// the two leave by different ways, both are followed: one with the feature taken
// from the row, one with it taken from the background.
type walk struct {
	*tree

	row     []float32
	root    int32
	other   *crowd
	taken   []int8 // by feature: whose value this path has, 0: nobody's yet
	phi     []float64
	tooDeep bool
}

const (
	byRow   = 1
	byOther = 2
)

func newWalk(t *tree) *walk { return &walk{tree: t, taken: make([]int8, t.width)} }

func (w *walk) explain(values []float32) (Explanation, error) {
	w.row, w.phi = values, make([]float64, w.width)
	for number, root := range w.forest.roots {
		w.root = root
		for i := range w.crowds[number] {
			w.other = &w.crowds[number][i]
			w.visit(root, 0, 0)
		}
	}
	if w.tooDeep {
		return Explanation{}, fmt.Errorf("a path tests more than %d features", mostPlayers)
	}
	return Explanation{Base: w.base, Output: w.forest.output(values), Contributions: w.phi}, nil
}

// visit goes below a node that is reached with mine features of the row's and others
// of the background's. It returns what the leaves below give to each of the former
// and take from each of the latter.
func (w *walk) visit(at int32, mine, others int) (give, take float64) {
	n := &w.forest.nodes[at]
	if n.feature < 0 {
		value := n.value * w.other.share
		if mine > 0 {
			give = value * w.weights[mine-1][others]
		}
		if others > 0 {
			take = -value * w.weights[mine][others-1]
		}
		return give, take
	}
	mineAt, otherAt := n.no, n.no
	if n.goes(w.row[n.feature]) {
		mineAt = n.yes
	}
	if w.other.goes(at - w.root) {
		otherAt = n.yes
	}
	switch {
	case w.taken[n.feature] == byRow, mineAt == otherAt:
		return w.visit(mineAt, mine, others)
	case w.taken[n.feature] == byOther:
		return w.visit(otherAt, mine, others)
	case mine+others >= mostPlayers:
		w.tooDeep = true
		return 0, 0
	}
	w.taken[n.feature] = byRow
	giveMine, takeMine := w.visit(mineAt, mine+1, others)
	w.taken[n.feature] = byOther
	giveOther, takeOther := w.visit(otherAt, mine, others+1)
	w.taken[n.feature] = 0
	w.phi[n.feature] += giveMine + takeOther
	return giveMine + giveOther, takeMine + takeOther
}
