package explain_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"

	"github.com/futurisys/futurisys/services/inference/internal/engine/enginetest"
	"github.com/futurisys/futurisys/services/inference/internal/explain"
	"github.com/futurisys/futurisys/services/inference/internal/features"
	"github.com/futurisys/futurisys/services/inference/internal/modelpkg"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// version is a committed version as its explainer needs it.
type version struct {
	pkg        *modelpkg.Package
	plan       *features.Plan
	background []float32
}

func read(t testing.TB, number int) *version {
	t.Helper()
	folder := filepath.Join(enginetest.Repository(), fmt.Sprintf("attrition/%d", number))
	pkg, err := modelpkg.Read(os.DirFS(folder))
	if err != nil {
		t.Fatal(err)
	}
	plan, err := features.NewPlan(pkg.Manifest.Features)
	if err != nil {
		t.Fatal(err)
	}
	v := &version{pkg: pkg, plan: plan}
	for _, profile := range pkg.Background.Profiles {
		v.background = v.encode(t, v.background, profile)
	}
	return v
}

func (v *version) encode(t testing.TB, rows []float32, values map[string]any) []float32 {
	t.Helper()
	raw, err := json.Marshal(values)
	if err != nil {
		t.Fatal(err)
	}
	var profile futurisysv1.EmployeeProfile
	if err := protojson.Unmarshal(raw, &profile); err != nil {
		t.Fatal(err)
	}
	rows, problems := v.plan.Encode(rows, &profile)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return rows
}

func (v *version) explainer(t testing.TB, wish explain.Method) explain.Explainer {
	t.Helper()
	explainer, err := explain.New(wish, v.pkg.Graph, enginetest.Open(t), v.plan.Width(), v.background)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := explainer.Close(); err != nil {
			t.Error(err)
		}
	})
	return explainer
}

// golden are the rows whose contributions the training computed, and their
// probability.
func (v *version) golden(t testing.TB) (rows []float32, want []modelpkg.GoldenRow) {
	t.Helper()
	for _, golden := range v.pkg.Golden.Rows {
		if len(golden.Contributions) > 0 {
			rows = v.encode(t, rows, golden.Profile)
			want = append(want, golden)
		}
	}
	return rows, want
}

func TestCommittedVersionsAreExplainedAsInTheTraining(t *testing.T) {
	for number, method := range map[int]explain.Method{1: explain.Additive, 2: explain.Tree} {
		v := read(t, number)
		explainer := v.explainer(t, explain.Method(v.pkg.Manifest.Explain.Method))
		if explainer.Method() != method || explainer.Space() != explain.LogOdds {
			t.Errorf("version %d is explained by %s in %s", number, explainer.Method(), explainer.Space())
		}
		rows, want := v.golden(t)
		found, err := explainer.Explain(t.Context(), rows)
		if err != nil {
			t.Fatal(err)
		}
		greatest := 0.0
		for i, got := range found {
			sum := got.Base
			for feature, share := range got.Contributions {
				sum += share
				difference := math.Abs(share - want[i].Contributions[v.pkg.Manifest.Features[feature].Name])
				greatest = max(greatest, difference)
			}
			if math.Abs(sum-got.Output) > 1e-9 || got.StandardErrors != nil {
				t.Errorf("version %d: the shares add up to %g, the output is %g", number, sum, got.Output)
			}
			if p := 1 / (1 + math.Exp(-got.Output)); math.Abs(p-want[i].Probability) > 1e-5 {
				t.Errorf("version %d: the output means %g, the training says %g", number, p, want[i].Probability)
			}
		}
		if len(found) != 16 || greatest > 2e-6 || math.Abs(found[0].Base-v.pkg.Golden.BaseValue) > 2e-6 {
			t.Errorf("version %d: %d rows, up to %g from the training", number, len(found), greatest)
		}
		t.Logf("version %d: %s, up to %.1e from the training", number, explainer.Method(), greatest)
	}
}

// A graph of trees is not additive: the proof finds that, and it is explained by an
// estimate that says how far it may be off.
func TestGraphThatIsNotAdditiveIsEstimated(t *testing.T) {
	v := read(t, 2)
	estimate := v.explainer(t, explain.Additive)
	if estimate.Method() != explain.Permutation || estimate.Space() != explain.LogOdds {
		t.Fatalf("it is explained by %s in %s", estimate.Method(), estimate.Space())
	}
	rows, _ := v.golden(t)
	exact, err := v.explainer(t, explain.Tree).Explain(t.Context(), rows)
	if err != nil {
		t.Fatal(err)
	}
	found, err := estimate.Explain(t.Context(), rows)
	if err != nil {
		t.Fatal(err)
	}
	far, all := 0, 0
	for i, got := range found {
		for feature, share := range got.Contributions {
			all++
			// Of normal errors one in 370 is farther than three.
			if math.Abs(share-exact[i].Contributions[feature]) > 3*got.StandardErrors[feature]+1e-6 {
				far++
			}
		}
	}
	if far > all/50 {
		t.Errorf("%d of %d estimates are farther off than three standard errors", far, all)
	}
}

func TestTreesWishedOfAnotherGraphAreEstimated(t *testing.T) {
	if got := read(t, 1).explainer(t, explain.Tree).Method(); got != explain.Permutation {
		t.Errorf("it is explained by %s", got)
	}
}

func TestBadInputIsSaid(t *testing.T) {
	v := read(t, 1)
	for name, background := range map[string][]float32{"none": nil, "half a row": v.background[:30]} {
		if _, err := explain.New(explain.Additive, v.pkg.Graph, enginetest.Open(t), v.plan.Width(), background); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := explain.New(explain.Tree, []byte("not ONNX"), enginetest.Open(t), v.plan.Width(), v.background); err == nil {
		t.Error("bytes that are no graph: no error")
	}
	if _, err := v.explainer(t, explain.Additive).Explain(t.Context(), v.background[:30]); err == nil {
		t.Error("half a row: no error")
	}
}

// BenchmarkExplain explains one row alone, and the package's golden rows together.
func BenchmarkExplain(b *testing.B) {
	for number, name := range map[int]string{1: "additive", 2: "tree"} {
		v := read(b, number)
		explainer := v.explainer(b, explain.Method(v.pkg.Manifest.Explain.Method))
		var all []float32
		for _, golden := range v.pkg.Golden.Rows {
			all = v.encode(b, all, golden.Profile)
		}
		for which, rows := range map[string][]float32{"one": all[:v.plan.Width()], "golden": all} {
			b.Run(name+"/"+which, func(b *testing.B) {
				for b.Loop() {
					if _, err := explainer.Explain(b.Context(), rows); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(rows)/v.plan.Width()), "ns/row")
			})
		}
	}
}

// Values that no curve has seen, missing ones among them, are explained like others,
// however many there are.
func TestAdditiveTakesAnyValue(t *testing.T) {
	v := read(t, 1)
	explainer := v.explainer(t, explain.Additive)
	rows, _ := v.golden(t)
	row := rows[:v.plan.Width()]
	many := make([]float32, 0, 70_000*len(row))
	for i := range 70_000 {
		many = append(many, row...)
		many[len(many)-len(row)] = float32(1000 + i) // the income
	}
	for range 2 {
		found, err := explainer.Explain(t.Context(), many)
		if err != nil {
			t.Fatal(err)
		}
		last := found[len(found)-1]
		alone, err := explainer.Explain(t.Context(), many[len(many)-len(row):])
		if err != nil || last.Output != alone[0].Output {
			t.Fatalf("got %g among others, %g alone, %v", last.Output, alone[0].Output, err)
		}
	}
}

func TestExplainingEndsWithItsCaller(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for number, method := range map[int][]explain.Method{1: {explain.Additive, explain.Permutation}, 2: {explain.Tree}} {
		v := read(t, number)
		rows, _ := v.golden(t)
		for _, wish := range method {
			if _, err := v.explainer(t, wish).Explain(ctx, rows); !errors.Is(err, context.Canceled) {
				t.Errorf("%s: got %v", wish, err)
			}
		}
	}
}
