package explain

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/futurisys/futurisys/services/inference/internal/engine"
)

// maxPlayers bounds the raw features that one path may test.
const maxPlayers = 64

// weights are w[a][b] = a! b! / (a + b + 1)!: how often, among all orders, a given
// feature comes just after the a it follows and before the b others.
type weightTable [maxPlayers + 1][maxPlayers + 1]float64

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
	encoder encoder
	width   int // of a raw row
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

func newTree(graph []byte, loader engine.Runtime, width int, background []float32) (Explainer, error) {
	forests, err := readForests(graph)
	if err != nil {
		return nil, err
	}
	encoder, err := newEncoder(graph, loader, width, forests[0], background)
	if err != nil {
		return nil, err
	}
	encoded, err := encoder.encode(background)
	for _, forest := range forests {
		if err != nil && !errors.Is(err, errUnfit) {
			break
		}
		t := gather(forest, encoder, width, encoded)
		if err = t.prove(graph, loader, background); err == nil {
			return t, nil
		}
	}
	return nil, errors.Join(err, encoder.close())
}

// treeTolerance is how far the trees' sum may be from the graph, as a probability:
// the graph's floats are of 32 bits.
const treeTolerance = 1e-5

// prove compares the trees' sum with the graph, so that nothing which the graph does
// besides is left out.
func (t *tree) prove(graph []byte, loader engine.Runtime, background []float32) error {
	session, err := loader.Load(graph, t.width)
	if err != nil {
		return fmt.Errorf("load the proof: %w", err)
	}
	defer session.Close()
	rows := append(mix(background, t.width), background...)
	out := make([]float32, len(rows)/t.width)
	if err := session.Score(rows, out); err != nil {
		return fmt.Errorf("score the proof: %w", err)
	}
	encoded, err := t.encoder.encode(rows)
	if err != nil {
		return err
	}
	for i, want := range out {
		got := t.forest.space.Probability(t.forest.output(row(encoded, i, t.encoder.columns())))
		if !(math.Abs(got-float64(want)) <= treeTolerance) { // NaN is not
			return fmt.Errorf("%w: the trees add up to %g, the graph answers %g", errUnfit, got, want)
		}
	}
	return nil
}

// gather finds, tree by tree, which background rows, given encoded, go the same way
// everywhere.
func gather(forest *forest, encoder encoder, width int, background []float32) *tree {
	t := &tree{forest: forest, encoder: encoder, width: width, weights: newWeights(), crowds: make([][]crowd, len(forest.roots))}
	columns := encoder.columns()
	count := len(background) / columns
	for i := range count {
		t.base += forest.output(row(background, i, columns)) / float64(count)
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
				if n := &forest.nodes[at]; n.feature >= 0 && n.goes(row(background, i, columns)[n.feature]) {
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

// Explain explains rows; see Explainer.
func (t *tree) Explain(ctx context.Context, rows []float32) ([]Explanation, error) {
	if err := checkRows(rows, t.width); err != nil {
		return nil, err
	}
	encoded, err := t.encoder.encode(rows)
	if err != nil {
		return nil, err
	}
	out, columns := make([]Explanation, len(rows)/t.width), t.encoder.columns()
	err = inParallel(ctx, len(out), func() func(int) error {
		walk := newWalk(t)
		return func(i int) error {
			var err error
			out[i], err = walk.explain(row(encoded, i, columns))
			return err
		}
	})
	return out, err
}

func (t *tree) Method() Method { return Tree }
func (t *tree) Space() Space   { return t.forest.space }
func (t *tree) Close() error   { return t.encoder.close() }

// walk goes through the trees with one row and one crowd at a time. At a node that
// the two leave by different ways, both are followed: one with the feature taken
// from the row, one with it taken from the background.
type walk struct {
	*tree

	players []int32   // by column: the raw feature that it was made of
	row     []float32 // encoded
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

func newWalk(t *tree) *walk {
	return &walk{tree: t, players: t.encoder.players(), taken: make([]int8, t.width)}
}

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
		return Explanation{}, fmt.Errorf("a path tests more than %d features", maxPlayers)
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
	if mineAt == otherAt {
		return w.visit(mineAt, mine, others)
	}
	player := w.players[n.feature]
	switch {
	case w.taken[player] == byRow:
		return w.visit(mineAt, mine, others)
	case w.taken[player] == byOther:
		return w.visit(otherAt, mine, others)
	case mine+others >= maxPlayers:
		w.tooDeep = true
		return 0, 0
	}
	w.taken[player] = byRow
	giveMine, takeMine := w.visit(mineAt, mine+1, others)
	w.taken[player] = byOther
	giveOther, takeOther := w.visit(otherAt, mine, others+1)
	w.taken[player] = 0
	w.phi[player] += giveMine + takeOther
	return giveMine + giveOther, takeMine + takeOther
}
