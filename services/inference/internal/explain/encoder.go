package explain

import (
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/futurisys/futurisys/services/inference/internal/engine"
)

// encoder makes of raw rows the rows that trees take, and knows of which raw feature
// each column is made.
type encoder interface {
	// encode encodes rows, [N, F] to [N, columns].
	encode(rows []float32) ([]float32, error)
	// players are the raw features by column.
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
	e := &subgraph{session: session, width: width, owners: make([]int32, columns)}
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

// subgraph encodes by the part of the graph before the trees.
type subgraph struct {
	session engine.Session
	width   int
	owners  []int32 // by column
}

func (e *subgraph) encode(rows []float32) ([]float32, error) {
	out := make([]float32, len(rows)/e.width*len(e.owners))
	if err := e.session.Score(rows, out); err != nil {
		return nil, fmt.Errorf("encode the rows: %w", err)
	}
	return out, nil
}

func (e *subgraph) columns() int     { return len(e.owners) }
func (e *subgraph) players() []int32 { return e.owners }
func (e *subgraph) close() error     { return e.session.Close() } //nolint:wrapcheck // it says what it was doing

// findOwners finds by which feature each column moves: one feature after the other
// takes its values of the background, in every background row that serves as an
// anchor. A column that nothing moves may belong to anybody.
func (e *subgraph) findOwners(background []float32) error {
	count := len(background) / e.width
	const nobody = -1
	for column := range e.owners {
		e.owners[column] = nobody
	}
	anchors := min(count, 4) //nolint:mnd // the proof below finds what these miss
	for number := range anchors {
		anchor := row(background, number, e.width)
		rows := append([]float32{}, anchor...)
		for feature := range e.width {
			for i := range count {
				rows = append(rows, anchor...)
				rows[len(rows)-e.width+feature] = row(background, i, e.width)[feature]
			}
		}
		encoded, err := e.encode(rows)
		if err != nil {
			return err
		}
		still := row(encoded, 0, len(e.owners))
		for i := range e.width * count {
			feature := int32(i / count)
			for column, value := range row(encoded, i+1, len(e.owners)) {
				if same(value, still[column]) {
					continue
				}
				if e.owners[column] != nobody && e.owners[column] != feature {
					return fmt.Errorf("%w: column %d is made of features %d and %d", errUnfit, column, e.owners[column], feature)
				}
				e.owners[column] = feature
			}
		}
	}
	for column := range e.owners {
		e.owners[column] = max(e.owners[column], 0)
	}
	return e.prove(background)
}

// prove checks on mixed rows that each column is what its feature's own row has.
func (e *subgraph) prove(background []float32) error {
	encoded, err := e.encode(background)
	if err != nil {
		return err
	}
	mixed, from := mixFrom(background, e.width)
	found, err := e.encode(mixed)
	if err != nil {
		return err
	}
	for i := range len(mixed) / e.width {
		for column, value := range row(found, i, len(e.owners)) {
			source := from[i*e.width+int(e.owners[column])]
			if !same(value, row(encoded, source, len(e.owners))[column]) {
				return fmt.Errorf("%w: column %d is not made of feature %d alone", errUnfit, column, e.owners[column])
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
