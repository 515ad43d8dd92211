package registry_test

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/futurisys/futurisys/proto/gen/onnx"
	"github.com/futurisys/futurisys/services/inference/internal/engine"
	"github.com/futurisys/futurisys/services/inference/internal/engine/enginetest"
	"github.com/futurisys/futurisys/services/inference/internal/features"
	"github.com/futurisys/futurisys/services/inference/internal/modelpkg"
	"github.com/futurisys/futurisys/services/inference/internal/registry"
)

// spoiled are the ways in which a version can be bad, and why it is refused.
func spoiled() map[string]struct {
	spoil func(t *testing.T, version string)
	want  error
} {
	return map[string]struct {
		spoil func(t *testing.T, version string)
		want  error
	}{
		"tampered graph": {func(t *testing.T, v string) {
			path := filepath.Join(v, modelpkg.GraphFile)
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, append(data, 0), 0o600); err != nil {
				t.Fatal(err)
			}
		}, modelpkg.ErrPackage},
		"graph that does not load": {func(t *testing.T, v string) {
			if err := os.WriteFile(filepath.Join(v, modelpkg.GraphFile), []byte("x"), 0o600); err != nil {
				t.Fatal(err)
			}
			enginetest.EditManifest(t, v, true, nil)
		}, engine.ErrGraph},
		"labels in another order": {edit(func(m map[string]any) {
			m["positive_label"], m["negative_label"] = m["negative_label"], m["positive_label"]
		}), modelpkg.ErrPackage},
		"the other label's probability": {otherLabel, registry.ErrGolden},
		"categories in another order": {edit(func(m map[string]any) {
			for _, f := range m["features"].([]any) {
				if categories, ok := f.(map[string]any)["categories"].([]any); ok {
					slices.Reverse(categories)
				}
			}
		}), registry.ErrGolden},
		"features in another order": {edit(func(m map[string]any) { slices.Reverse(m["features"].([]any)) }), registry.ErrGolden},
		"a feature of no API":       {edit(func(m map[string]any) { m["features"].([]any)[0].(map[string]any)["name"] = "shoe_size" }), features.ErrFeature},
		"a feature less":            {edit(func(m map[string]any) { m["features"] = m["features"].([]any)[1:] }), engine.ErrGraph},
		"too slow":                  {edit(func(m map[string]any) { m["latency_budget_us"] = 0.001 }), registry.ErrLatency},
		"other explanations":        {otherContributions, registry.ErrExplain},
		"another model":             {edit(func(m map[string]any) { m["name"] = "other" }), registry.ErrName},
		"broken conversion": {func(t *testing.T, v string) {
			if err := os.RemoveAll(v); err != nil {
				t.Fatal(err)
			}
			if err := os.CopyFS(v, os.DirFS("testdata/broken_conversion")); err != nil {
				t.Fatal(err)
			}
		}, registry.ErrGolden},
		// The golden rows of these were made by the same mistake.
		"log-odds":          {answers("Identity", func(logit float64) float64 { return logit }), modelpkg.ErrPackage},
		"tanh":              {answers("Tanh", math.Tanh), modelpkg.ErrPackage},
		"softplus":          {answers("Softplus", func(logit float64) float64 { return math.Log1p(math.Exp(logit)) }), registry.ErrAnswer},
		"an empty field":    {edit(func(m map[string]any) { optional(m, "commute_distance", nil) }), registry.ErrAnswer},
		"weights elsewhere": {weightsElsewhere, registry.ErrExternal},
		"float64": {func(t *testing.T, v string) {
			editGraph(t, v, func(m *onnx.ModelProto) {
				m.GetGraph().GetOutput()[0].GetType().GetTensorType().ElemType = proto.Int32(int32(onnx.TensorProto_DOUBLE))
				last := m.GetGraph().GetNode()[len(m.GetGraph().GetNode())-1]
				wide := &onnx.NodeProto{OpType: new("Cast"), Input: []string{"narrow"}, Output: last.GetOutput(), Attribute: []*onnx.AttributeProto{{
					Name: new("to"), Type: onnx.AttributeProto_INT.Enum(), I: proto.Int64(int64(onnx.TensorProto_DOUBLE)),
				}}}
				last.Output = []string{"narrow"}
				m.Graph.Node = append(m.Graph.Node, wide)
			})
		}, engine.ErrGraph},
		"a pointer of Git LFS": {func(t *testing.T, v string) {
			text := "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
			if err := os.WriteFile(filepath.Join(v, modelpkg.GraphFile), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}, modelpkg.ErrPackage},
	}
}

// reasons are what the refusals of some of them must say.
func reasons() map[string]string {
	return map[string]string{
		"log-odds": "not from 0 to 1", "tanh": "not from 0 to 1", "softplus": "gives 1.", "an empty field": "commute_distance empty gives NaN",
		"weights elsewhere": "weights must be inside model.onnx", "float64": "it is float64", "a pointer of Git LFS": "git lfs pull",
	}
}

// optional makes a feature one that may be empty.
func optional(manifest map[string]any, name string, impute any) {
	for _, f := range manifest["features"].([]any) {
		if feature := f.(map[string]any); feature["name"] == name {
			feature["required"] = false
			if impute != nil {
				feature["impute"] = impute
			}
		}
	}
}

// answers gives the graph another last step than the sigmoid, and the golden rows what it
// makes of the log-odds.
func answers(operator string, of func(logit float64) float64) func(*testing.T, string) {
	return func(t *testing.T, version string) {
		t.Helper()
		editGraph(t, version, func(m *onnx.ModelProto) {
			for _, node := range m.GetGraph().GetNode() {
				if node.GetOpType() == "Sigmoid" {
					node.OpType = &operator
					return
				}
			}
			t.Fatal("the graph has no sigmoid")
		})
		editGolden(t, version, func(row map[string]any) {
			p := row["probability"].(float64)
			row["probability"] = of(math.Log(p / (1 - p)))
			if operator == "Softplus" && row["probability"].(float64) > 1 { // only rows that nobody suspects
				row["probability"] = nil
			}
		})
	}
}

func weightsElsewhere(t *testing.T, version string) {
	t.Helper()
	editGraph(t, version, func(m *onnx.ModelProto) {
		tensor := m.GetGraph().GetInitializer()[0]
		tensor.DataLocation = onnx.TensorProto_EXTERNAL.Enum()
		tensor.ExternalData = []*onnx.StringStringEntryProto{{Key: new("location"), Value: new("weights.bin")}}
		tensor.RawData, tensor.FloatData = nil, nil
	})
}

func editGraph(t *testing.T, version string, edit func(*onnx.ModelProto)) {
	t.Helper()
	path := filepath.Join(version, modelpkg.GraphFile)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var model onnx.ModelProto
	if err := proto.Unmarshal(data, &model); err != nil {
		t.Fatal(err)
	}
	edit(&model)
	if data, err = proto.Marshal(&model); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	enginetest.EditManifest(t, version, true, nil)
}

// otherLabel makes the graph answer 1 - p for the package's labels.
func otherLabel(t *testing.T, version string) {
	t.Helper()
	editGolden(t, version, func(row map[string]any) { row["probability"] = 1 - row["probability"].(float64) })
}

// otherContributions makes the training say something else of a feature.
func otherContributions(t *testing.T, version string) {
	t.Helper()
	editGolden(t, version, func(row map[string]any) {
		if contributions, ok := row["contributions"].(map[string]any); ok {
			contributions["overtime"] = contributions["overtime"].(float64) + 0.001
		}
	})
}

// editGolden edits the golden rows; one that is left without a probability goes.
func editGolden(t *testing.T, version string, edit func(row map[string]any)) {
	t.Helper()
	path := filepath.Join(version, modelpkg.GoldenFile)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var golden map[string]any
	if err := json.Unmarshal(data, &golden); err != nil {
		t.Fatal(err)
	}
	golden["rows"] = slices.DeleteFunc(golden["rows"].([]any), func(row any) bool {
		edit(row.(map[string]any))
		return row.(map[string]any)["probability"] == nil
	})
	if data, err = json.Marshal(golden); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	enginetest.EditManifest(t, version, true, nil)
}

func edit(change func(map[string]any)) func(*testing.T, string) {
	return func(t *testing.T, version string) {
		t.Helper()
		enginetest.EditManifest(t, version, false, change)
	}
}
