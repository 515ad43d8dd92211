package modelpkg_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/futurisys/futurisys/services/inference/internal/engine/enginetest"
	"github.com/futurisys/futurisys/services/inference/internal/modelpkg"
)

func TestCommittedPackageIsValid(t *testing.T) {
	found, err := modelpkg.Read(os.DirFS(filepath.Join(enginetest.Repository(), "attrition/1")))
	if err != nil {
		t.Fatal(err)
	}
	if found.Manifest.Name != "attrition" || len(found.Manifest.Features) != enginetest.Width {
		t.Errorf("got %s with %d features", found.Manifest.Name, len(found.Manifest.Features))
	}
	if len(found.Golden.Rows) < modelpkg.FewestGoldenRows || !strings.HasPrefix(found.Revision, "sha256:") || found.Card == "" {
		t.Errorf("%d golden rows, revision %s", len(found.Golden.Rows), found.Revision)
	}
	for _, feature := range found.Manifest.Features {
		if feature.Protected {
			t.Errorf("%s is protected and must not be an input", feature.Name)
		}
	}
}

func TestBrokenPackageIsRefusedWithItsReason(t *testing.T) {
	feature := func(manifest map[string]any, i int) map[string]any {
		return manifest["features"].([]any)[i].(map[string]any)
	}
	for name, test := range map[string]struct {
		spoil func(t *testing.T, version string)
		want  string
	}{
		"no manifest":    {func(t *testing.T, v string) { remove(t, v, "manifest.json") }, "manifest.json"},
		"not JSON":       {func(t *testing.T, v string) { write(t, v, "manifest.json", "{") }, "manifest.json"},
		"no graph":       {func(t *testing.T, v string) { remove(t, v, "model.onnx") }, "model.onnx cannot be read"},
		"tampered graph": {func(t *testing.T, v string) { flip(t, v, "model.onnx") }, "model.onnx has SHA-256"},
		"tampered card":  {func(t *testing.T, v string) { flip(t, v, "README.md") }, "README.md has SHA-256"},
		"unknown field":  {edit(func(m map[string]any) { m["color"] = "red" }), "color"},
		"missing field":  {edit(func(m map[string]any) { delete(m, "threshold") }), "threshold"},
		"other schema":   {edit(func(m map[string]any) { m["schema_version"] = 2 }), "schema_version"},
		"feature twice":  {edit(func(m map[string]any) { feature(m, 1)["name"] = feature(m, 0)["name"] }), "stands twice"},
		"min above max":  {edit(func(m map[string]any) { feature(m, 0)["min"] = 1e9 }), "min is above max"},
		"no categories":  {edit(func(m map[string]any) { delete(feature(m, 1), "categories") }), "categories"},
		"bands descend":  {edit(func(m map[string]any) { m["bands"].([]any)[2].(map[string]any)["from"] = 0.01 }), "bands must ascend"},
		"bands not at 0": {edit(func(m map[string]any) { m["bands"].([]any)[0].(map[string]any)["from"] = 0.1 }), "first band"},
		"path as a file": {edit(func(m map[string]any) { m["files"].(map[string]any)["../../x"] = strings.Repeat("0", 64) }), "x"},
		"labels swapped": {edit(func(m map[string]any) {
			m["positive_label"], m["negative_label"] = m["negative_label"], m["positive_label"]
		}), "labels"},
		"few golden rows": {func(t *testing.T, v string) {
			write(t, v, "golden.json", `{"base_value": 0, "rows": []}`)
			enginetest.EditManifest(t, v, true, nil)
		}, "at least 64"},
		"link out of the folder": {func(t *testing.T, v string) {
			remove(t, v, "README.md")
			if err := os.Symlink("/etc/hostname", filepath.Join(v, "README.md")); err != nil {
				t.Fatal(err)
			}
		}, "README.md cannot be read"},
	} {
		t.Run(name, func(t *testing.T) {
			_, version := enginetest.CopyModel(t)
			test.spoil(t, version)
			root, err := os.OpenRoot(version)
			if err != nil {
				t.Fatal(err)
			}
			defer root.Close()
			_, err = modelpkg.Read(root.FS())
			if !errors.Is(err, modelpkg.ErrPackage) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want a reason with %q", err, test.want)
			}
		})
	}
}

// FuzzParseManifest holds for any bytes: a manifest that is whole, or ErrPackage.
func FuzzParseManifest(f *testing.F) {
	raw, err := os.ReadFile(filepath.Join(enginetest.Repository(), "attrition/1/manifest.json"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Add([]byte(`{"schema_version": 1}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		manifest, err := modelpkg.ParseManifest(raw)
		if err != nil {
			if !errors.Is(err, modelpkg.ErrPackage) {
				t.Fatal(err)
			}
			return
		}
		if manifest.Name == "" || len(manifest.Features) == 0 || len(manifest.Bands) == 0 {
			t.Fatalf("a manifest that is not whole: %+v", manifest)
		}
	})
}

func edit(change func(map[string]any)) func(*testing.T, string) {
	return func(t *testing.T, version string) {
		t.Helper()
		enginetest.EditManifest(t, version, false, change)
	}
}

func remove(t *testing.T, version, name string) {
	t.Helper()
	if err := os.Remove(filepath.Join(version, name)); err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, version, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(version, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func flip(t *testing.T, version, name string) {
	t.Helper()
	path := filepath.Join(version, name)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/2] ^= 1
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}
