package explain

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"

	"github.com/futurisys/futurisys/services/inference/internal/engine"
)

// encoder makes of raw rows the rows that trees take, and knows of which raw feature
// each column is made.
type encoder interface {
	// encode encodes rows, [N, F] to [N, columns].
	encode(rows []float32) ([]float32, error)
	// players are the raw features by column, -1 for a column that all rows which were
	// encoded have alike.
	players() []int32
	columns() int
	close() error
}

// newEncoder returns what stands between the raw row and the forest. errUnfit: a
// column is made of several features.
func newEncoder(graph []byte, loader engine.Runtime, width int, forest *forest, background []float32) (encoder, error) {
	if forest.input == engine.InputName {
		if forest.columns() > width {
			return nil, fmt.Errorf("%w: a node tests a feature that there is not", errUnfit)
		}
		return identity(width), nil
	}
	inner, err := withOutput(graph, forest.input)
	if err != nil {
		return nil, err
	}
	session, columns, err := loader.LoadMatrix(inner, width, forest.input)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errUnfit, err)
	}
	e := &subgraph{session: session, width: width, anchor: row(background, 0, width), owners: make([]int32, columns)}
	if forest.columns() > columns {
		err = fmt.Errorf("%w: a node tests a column that there is not", errUnfit)
	} else {
		err = e.findOwners(background)
	}
	if err != nil {
		return nil, errors.Join(err, session.Close())
	}
	return e, nil
}

// identity encodes nothing: the trees take the raw row of so many features.
type identity int

func (i identity) encode(rows []float32) ([]float32, error) { return rows, nil }
func (i identity) columns() int                             { return int(i) }
func (i identity) close() error                             { return nil }

func (i identity) players() []int32 {
	out := make([]int32, i)
	for feature := range out {
		out[feature] = int32(feature)
	}
	return out
}

// nobody owns a column that nothing has moved yet.
const nobody = -1

// subgraph encodes by the part of the graph before the trees.
type subgraph struct {
	session engine.Session
	width   int
	anchor  []float32 // a raw row
	still   []float32 // the same, encoded

	mu     sync.RWMutex
	owners []int32 // by column; replaced, never changed
}

// encode encodes rows. A column that nothing has moved before is claimed by the feature
// that moves it now: no background row may have had that category.
func (e *subgraph) encode(rows []float32) ([]float32, error) {
	out, err := e.score(rows)
	if err != nil {
		return nil, err
	}
	for i := range len(rows) / e.width {
		owners := e.players()
		for column, value := range row(out, i, len(owners)) {
			if owners[column] != nobody || same(value, e.still[column]) {
				continue
			}
			if err := e.claim(e.anchor, row(rows, i, e.width)); err != nil {
				return nil, err
			}
			if e.players()[column] == nobody {
				return nil, fmt.Errorf("%w: column %d moves by several features together", errUnfit, column)
			}
		}
	}
	return out, nil
}

func (e *subgraph) score(rows []float32) ([]float32, error) {
	out := make([]float32, len(rows)/e.width*e.columns())
	if err := e.session.Score(rows, out); err != nil {
		return nil, fmt.Errorf("encode the rows: %w", err)
	}
	return out, nil
}

func (e *subgraph) columns() int { return len(e.players()) }
func (e *subgraph) close() error { return e.session.Close() } //nolint:wrapcheck // it says what it was doing

func (e *subgraph) players() []int32 {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return e.owners
}

// findOwners finds by which feature each column moves: one feature after the other
// takes its values of the background, with several background rows as the anchor.
func (e *subgraph) findOwners(background []float32) error {
	for column := range e.owners {
		e.owners[column] = nobody
	}
	var err error
	if e.still, err = e.score(e.anchor); err != nil {
		return err
	}
	const anchors = 4 // the proof below finds what these miss
	count := len(background) / e.width
	for number := range min(count, anchors) {
		if err := e.claim(row(background, number, e.width), background); err != nil {
			return err
		}
	}
	return e.prove(background)
}

// claim gives each column that moves when one feature of an anchor takes its values of
// some rows to that feature.
func (e *subgraph) claim(anchor, values []float32) error {
	count := len(values) / e.width
	rows := append([]float32{}, anchor...)
	for feature := range e.width {
		for i := range count {
			rows = appendMoved(rows, anchor, feature, row(values, i, e.width)[feature])
		}
	}
	encoded, err := e.score(rows)
	if err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	owners := slices.Clone(e.owners)
	still := row(encoded, 0, len(owners))
	for i := range e.width * count {
		feature := int32(i / count)
		for column, value := range row(encoded, i+1, len(owners)) {
			if same(value, still[column]) {
				continue
			}
			if owners[column] != nobody && owners[column] != feature {
				return fmt.Errorf("%w: column %d is made of features %d and %d", errUnfit, column, owners[column], feature)
			}
			owners[column] = feature
		}
	}
	e.owners = owners
	return nil
}

// prove checks on mixed rows that each column is what its feature's own row has.
func (e *subgraph) prove(background []float32) error {
	encoded, err := e.score(background)
	if err != nil {
		return err
	}
	mixed, from := mixFrom(background, e.width)
	found, err := e.score(mixed)
	if err != nil {
		return err
	}
	owners := e.players()
	for i := range len(mixed) / e.width {
		for column, value := range row(found, i, len(owners)) {
			want := e.still[column]
			if owners[column] != nobody {
				want = row(encoded, from[i*e.width+int(owners[column])], len(owners))[column]
			}
			if !same(value, want) {
				return fmt.Errorf("%w: column %d is not made of feature %d alone", errUnfit, column, owners[column])
			}
		}
	}
	return nil
}

// same says whether two floats are the same, NaN too.
func same(a, b float32) bool { return a == b || a != a && b != b }

// mix are rows of background values, each feature drawn from a row of its own; the
// same each time.
func mix(background []float32, width int) []float32 {
	mixed, _ := mixFrom(background, width)
	return mixed
}

// mixFrom is mix, and the background row of each value.
func mixFrom(background []float32, width int) (mixed []float32, from []int) {
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same proof each time
	count := len(background) / width
	mixed, from = make([]float32, proofRows*width), make([]int, proofRows*width)
	for i := range mixed {
		from[i] = random.IntN(count)
		mixed[i] = row(background, from[i], width)[i%width]
	}
	return mixed, from
}
