package counterfactual_test

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/futurisys/futurisys/services/inference/internal/counterfactual"
	"github.com/futurisys/futurisys/services/inference/internal/modelpkg"
)

// formula is a session that scores by a function: what is searched here is any graph.
type formula struct {
	width int
	score func(row []float32) float32
}

func (f formula) Score(rows, out []float32) error {
	for i := range out {
		out[i] = f.score(rows[i*f.width : (i+1)*f.width])
	}
	return nil
}

func (formula) Close() error { return nil }

func features(direction string) []modelpkg.Feature {
	can := &modelpkg.Actionable{Direction: direction}
	return []modelpkg.Feature{
		{Type: modelpkg.TypeNumber, Min: new(0.0), Max: new(6.0), Actionable: can},
		{Type: modelpkg.TypeBoolean, Actionable: can},
		{Type: modelpkg.TypeCategory, Categories: []string{"a", "b", "c"}, Actionable: can},
		{Type: modelpkg.TypeNumber, Min: new(1.0), Max: new(4.0), Actionable: can},
		{Type: modelpkg.TypeNumber, Min: new(0.0), Max: new(9.0)}, // nobody can change it
	}
}

// every returns all rows that a manager could make of one, with how many fields differ
// and by how much.
func every(row []float32, direction string, visit func(row []float32, fields int, size float64)) {
	can := func(from, to float32) bool {
		return from == to || direction == "any" || (direction == "increase") == (to > from)
	}
	for number := float32(0); number <= 6; number++ {
		for boolean := float32(0); boolean <= 1; boolean++ {
			for category := float32(0); category <= 2; category++ {
				for other := float32(1); other <= 4; other++ {
					made := []float32{number, boolean, category, other, row[4]}
					if !can(row[0], number) || !can(row[1], boolean) || !can(row[3], other) {
						continue
					}
					fields, size := 0, 0.0
					for i, width := range []float64{6, 1, 0, 3} {
						if made[i] == row[i] {
							continue
						}
						fields++
						if width == 0 {
							size++
						} else {
							size += math.Abs(float64(made[i]-row[i])) / width
						}
					}
					visit(made, fields, size)
				}
			}
		}
	}
}

// The search finds what trying everything finds: as few fields, as small steps, or
// that there is nothing.
func TestSearchAgreesWithTryingEverything(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	outcomes := map[counterfactual.Outcome]int{}
	for range 500 {
		direction := []string{"any", "increase", "decrease"}[random.IntN(3)]
		table := make([]float32, 7*2*3*4)
		for i := range table {
			table[i] = random.Float32()
		}
		session := formula{5, func(row []float32) float32 {
			return table[((int(row[0])*2+int(row[1]))*3+int(row[2]))*4+int(row[3])-1]
		}}
		row := []float32{float32(random.IntN(7)), float32(random.IntN(2)), float32(random.IntN(3)), float32(1 + random.IntN(4)), 5}
		threshold := []float64{0.5, 0.05, 0.01, 0.001}[random.IntN(4)]
		fields, size, lowest := math.MaxInt, math.Inf(1), math.Inf(1)
		every(row, direction, func(made []float32, f int, z float64) {
			score := float64(session.score(made))
			lowest = min(lowest, score)
			if score < threshold && (f < fields || f == fields && z < size) {
				fields, size = f, z
			}
		})
		got, err := counterfactual.Search(t.Context(), session, row, counterfactual.Levers(features(direction), row), threshold)
		if err != nil {
			t.Fatal(err)
		}
		outcomes[got.Outcome]++
		if score := float64(session.score(got.Row)); score != got.Probability || !got.Exhaustive {
			t.Fatalf("%v scores %g, the search says %+v", got.Row, score, got)
		}
		want := map[bool]counterfactual.Outcome{true: counterfactual.None, false: counterfactual.Found}[fields == math.MaxInt]
		if fields == 0 {
			want = counterfactual.NotNeeded
		}
		if got.Outcome != want {
			t.Fatalf("got %+v, want outcome %d", got, want)
		}
		every(row, direction, func(made []float32, f int, z float64) {
			same := true
			for i := range made {
				same = same && made[i] == got.Row[i]
			}
			if same && got.Outcome == counterfactual.Found && (f != fields || math.Abs(z-size) > 1e-12) {
				t.Fatalf("got %d fields by %g, there are %d by %g", f, z, fields, size)
			}
		})
		if got.Outcome == counterfactual.None && got.Probability != lowest {
			t.Fatalf("got %g, the lowest is %g", got.Probability, lowest)
		}
	}
	if len(outcomes) != 3 || outcomes[counterfactual.Found] < 50 || outcomes[counterfactual.None] < 50 {
		t.Errorf("the cases are one-sided: %v", outcomes)
	}
}

// A number of many values is not tried at each, and what is found is still as small as
// it can be.
func TestNumberOfManyValues(t *testing.T) {
	wide := []modelpkg.Feature{
		{Type: modelpkg.TypeNumber, Min: new(1000.0), Max: new(20000.0), Actionable: &modelpkg.Actionable{Direction: "increase"}},
		{Type: modelpkg.TypeNumber, Actionable: &modelpkg.Actionable{Direction: "increase", Min: new(0.0), Max: new(9999.0)}},
		{Type: modelpkg.TypeNumber, Min: new(0.0), Max: new(3.0), Actionable: &modelpkg.Actionable{Direction: "any"}},
	}
	session := formula{3, func(row []float32) float32 {
		if row[0] >= 7777 && row[1] >= 4321 {
			return 0.1
		}
		return 0.9
	}}
	row := []float32{2000, 0, float32(math.NaN())} // what is not known is no lever
	got, err := counterfactual.Search(t.Context(), session, row, counterfactual.Levers(wide, row), 0.5)
	if err != nil || got.Outcome != counterfactual.Found || got.Row[0] != 7777 || got.Row[1] != 4321 || got.Exhaustive {
		t.Errorf("got %+v, %v", got, err)
	}
	if got.Tried > 100_000 {
		t.Errorf("%d rows were scored", got.Tried)
	}
}

func TestSearchEndsWithItsCaller(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	session := formula{5, func([]float32) float32 { return 1 }}
	row := []float32{0, 0, 0, 1, 0}
	if _, err := counterfactual.Search(ctx, session, row, counterfactual.Levers(features("any"), row), 0.5); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestNothingToChangeIsNone(t *testing.T) {
	session := formula{1, func([]float32) float32 { return 0.9 }}
	got, err := counterfactual.Search(t.Context(), session, []float32{1}, nil, 0.5)
	if err != nil || got.Outcome != counterfactual.None || got.Row[0] != 1 || math.Abs(got.Probability-0.9) > 1e-6 {
		t.Errorf("got %+v, %v", got, err)
	}
}
