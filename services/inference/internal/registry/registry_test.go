package registry_test

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/futurisys/futurisys/services/inference/internal/engine"
	"github.com/futurisys/futurisys/services/inference/internal/engine/enginetest"
	"github.com/futurisys/futurisys/services/inference/internal/features"
	"github.com/futurisys/futurisys/services/inference/internal/modelpkg"
	"github.com/futurisys/futurisys/services/inference/internal/registry"
)

func open(t *testing.T, repository string) *registry.Registry {
	t.Helper()
	models, err := registry.Open(repository, enginetest.Open(t), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := models.Close(); err != nil {
			t.Error(err)
		}
	})
	return models
}

func TestCommittedModelIsAdmitted(t *testing.T) {
	models := open(t, enginetest.Repository())
	if err := models.Ready(); err != nil {
		t.Fatal(err)
	}
	for _, alias := range []string{"", registry.Champion} {
		version, err := models.Resolve("attrition", 0, alias)
		if err != nil || version.Number != 1 || version.LatencyUs <= 0 || version.Example == nil {
			t.Errorf("alias %q: got %+v, %v", alias, version, err)
		}
	}
}

func TestLookups(t *testing.T) {
	models := open(t, enginetest.Repository())
	for name, test := range map[string]struct {
		model  string
		number int32
		alias  string
		want   error
	}{
		"model":   {"nothing", 0, "", registry.ErrModel},
		"version": {"attrition", 99, "", registry.ErrVersion},
		"alias":   {"attrition", 0, "challenger", registry.ErrVersion},
	} {
		if _, err := models.Resolve(test.model, test.number, test.alias); !errors.Is(err, test.want) {
			t.Errorf("%s: got %v, want %v", name, err, test.want)
		}
	}
}

func TestBadVersionIsRefusedWithItsReasonAndTheOtherServes(t *testing.T) {
	for name, test := range map[string]struct {
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
		"another model":             {edit(func(m map[string]any) { m["name"] = "other" }), registry.ErrName},
	} {
		t.Run(name, func(t *testing.T) {
			repository, version := enginetest.CopyModel(t)
			second := filepath.Join(repository, "attrition", "2")
			if err := os.CopyFS(second, os.DirFS(version)); err != nil {
				t.Fatal(err)
			}
			test.spoil(t, second)
			models := open(t, repository)
			if _, err := models.Resolve("attrition", 2, ""); !errors.Is(err, registry.ErrVersion) {
				t.Errorf("a refused version was answered: %v", err)
			}
			model, err := models.Model("attrition")
			if err != nil {
				t.Fatal(err)
			}
			refused, err := model.Version(2)
			if err != nil || !errors.Is(refused.Refusal, test.want) {
				t.Errorf("got %v, want %v", refused.Refusal, test.want)
			}
			if champion, err := models.Resolve("attrition", 0, ""); err != nil || champion.Number != 1 {
				t.Errorf("the good version must serve: %v, %v", champion, err)
			}
			if err := models.Ready(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestNothingToServeIsNotReady(t *testing.T) {
	empty := open(t, t.TempDir())
	if err := empty.Ready(); err == nil {
		t.Error("an empty repository must not be ready")
	}
	repository, version := enginetest.CopyModel(t)
	if err := os.Remove(filepath.Join(version, modelpkg.ManifestFile)); err != nil {
		t.Fatal(err)
	}
	if err := open(t, repository).Ready(); err == nil || !strings.Contains(err.Error(), "attrition") {
		t.Errorf("only a refused version: got %v", err)
	}
	if _, err := registry.Open(filepath.Join(repository, "nowhere"), enginetest.Open(t), slog.New(slog.DiscardHandler)); err == nil ||
		!strings.Contains(err.Error(), "MODEL_REPOSITORY") {
		t.Errorf("got %v, want an error that names the setting", err)
	}
}

func TestFoldersThatAreNoVersionsArePassedOver(t *testing.T) {
	repository, _ := enginetest.CopyModel(t)
	for _, name := range []string{"0", "-1", "v2", "99999999999", ".git"} {
		if err := os.Mkdir(filepath.Join(repository, "attrition", name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	model, err := open(t, repository).Model("attrition")
	if err != nil || len(model.Versions) != 1 {
		t.Errorf("got %v, %v", model, err)
	}
}

func edit(change func(map[string]any)) func(*testing.T, string) {
	return func(t *testing.T, version string) {
		t.Helper()
		enginetest.EditManifest(t, version, false, change)
	}
}
