package explain_test

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/futurisys/futurisys/services/inference/internal/engine"
	"github.com/futurisys/futurisys/services/inference/internal/engine/enginetest"
	"github.com/futurisys/futurisys/services/inference/internal/explain"
)

// golden is a small model and what Python's shap says of it, as scripts/explain makes
// it. null is NaN: a missing value, or a contribution that is not known.
type golden struct {
	Name          string         `json:"name"`
	Method        explain.Method `json:"method"`
	Space         explain.Space  `json:"space"`
	Complete      bool           `json:"complete"` // all contributions and the base are known
	Background    [][]*float64   `json:"background"`
	Rows          [][]*float64   `json:"rows"`
	Base          float64        `json:"base"`
	Contributions [][]*float64   `json:"contributions"`
}

func flat(rows [][]*float64) []float32 {
	var out []float32
	for _, row := range rows {
		for _, value := range row {
			if value == nil {
				out = append(out, float32(math.NaN()))
			} else {
				out = append(out, float32(*value))
			}
		}
	}
	return out
}

func readGolden(t *testing.T) map[*golden][]byte {
	t.Helper()
	paths, err := filepath.Glob("testdata/*.json")
	if err != nil {
		t.Fatal(err)
	}
	out := map[*golden][]byte{}
	for _, path := range paths {
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		g := &golden{}
		if err := json.Unmarshal(raw, g); err != nil {
			t.Fatal(err)
		}
		graph, err := os.ReadFile(strings.TrimSuffix(path, ".json") + ".onnx")
		if g.Name == "version_1" {
			graph, err = os.ReadFile(filepath.Join(enginetest.Repository(), "attrition/1/model.onnx"))
		}
		if err != nil {
			t.Fatal(err)
		}
		out[g] = graph
	}
	return out
}

// What this package says is what Python's shap says, of models of each kind.
func TestContributionsAreThoseOfShap(t *testing.T) {
	seen := 0
	for g, graph := range readGolden(t) {
		seen++
		t.Run(g.Name, func(t *testing.T) {
			width := len(g.Background[0])
			runtime := enginetest.Open(t)
			explainer, err := explain.New(g.Method, graph, runtime, width, flat(g.Background))
			if err != nil {
				t.Fatal(err)
			}
			defer explainer.Close()
			if explainer.Method() != g.Method || explainer.Space() != g.Space {
				t.Fatalf("it is explained by %s in %s", explainer.Method(), explainer.Space())
			}
			rows := flat(g.Rows)
			found, err := explainer.Explain(t.Context(), rows)
			if err != nil {
				t.Fatal(err)
			}
			answers := score(t, runtime, graph, rows, width)
			greatest, compared := 0.0, 0
			for i, got := range found {
				sum := got.Base
				for feature, share := range got.Contributions {
					sum += share
					if want := g.Contributions[i][feature]; want != nil {
						greatest = max(greatest, math.Abs(share-*want))
						compared++
					}
				}
				if math.Abs(sum-got.Output) > 1e-9 {
					t.Errorf("row %d: the shares add up to %g, the output is %g", i, sum, got.Output)
				}
				meant := got.Output
				if g.Space == explain.LogOdds {
					meant = 1 / (1 + math.Exp(-got.Output))
				}
				if math.Abs(meant-float64(answers[i])) > 1e-5 {
					t.Errorf("row %d: the output means %g, the graph answers %g", i, meant, answers[i])
				}
				if g.Complete && math.Abs(got.Base-g.Base) > 1e-6 {
					t.Errorf("the base is %g, shap says %g", got.Base, g.Base)
				}
			}
			if greatest > 1e-6 || compared < 6*len(found) || len(found) < 10 {
				t.Errorf("%d contributions, up to %g from shap", compared, greatest)
			}
			t.Logf("%d contributions, up to %.1e from shap", compared, greatest)
		})
	}
	if seen != 8 {
		t.Errorf("%d models", seen)
	}
}

func score(t *testing.T, runtime engine.Runtime, graph []byte, rows []float32, width int) []float32 {
	t.Helper()
	session, err := runtime.Load(graph, width)
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	out := make([]float32, len(rows)/width)
	if err := session.Score(rows, out); err != nil {
		t.Fatal(err)
	}
	return out
}
