package registry_test

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/futurisys/futurisys/services/inference/internal/engine/enginetest"
	"github.com/futurisys/futurisys/services/inference/internal/hub"
	"github.com/futurisys/futurisys/services/inference/internal/modelpkg"
	"github.com/futurisys/futurisys/services/inference/internal/registry"
	"github.com/futurisys/futurisys/services/inference/internal/registry/registrytest"
	"github.com/futurisys/futurisys/services/inference/internal/repository"
)

const model = "attrition"

// number is the version that answers; 0: none.
func number(t *testing.T, models *registry.Registry, version int32, alias string) int32 {
	t.Helper()
	found, err := models.Acquire(model, version, alias)
	if err != nil {
		return 0
	}
	defer found.Release()
	return found.Number
}

func TestCommittedModelsAreAdmitted(t *testing.T) {
	models := registrytest.Folder(t, enginetest.Repository())
	if err := models.Ready(); err != nil {
		t.Fatal(err)
	}
	for alias, want := range map[string]int32{"": 1, registry.Champion: 1, "challenger": 2} {
		version, err := models.Acquire(model, 0, alias)
		if err != nil {
			t.Fatal(err)
		}
		defer version.Release()
		if version.Number != want || version.LatencyUs <= 0 || version.MemoryBytes < int64(len(version.Package.Graph)) || version.Example == nil {
			t.Errorf("alias %q: got version %d, %g us, %d bytes", alias, version.Number, version.LatencyUs, version.MemoryBytes)
		}
	}
}

func TestLookups(t *testing.T) {
	models := registrytest.Folder(t, enginetest.Repository())
	for name, test := range map[string]struct {
		model  string
		number int32
		alias  string
		want   error
	}{
		"model":   {"nothing", 0, "", registry.ErrModel},
		"version": {model, 99, "", registry.ErrVersion},
		"alias":   {model, 0, "canary", registry.ErrVersion},
	} {
		if _, err := models.Acquire(test.model, test.number, test.alias); !errors.Is(err, test.want) {
			t.Errorf("%s: got %v, want %v", name, err, test.want)
		}
	}
}

func TestBadVersionIsRefusedWithItsReasonAndTheOtherServes(t *testing.T) {
	for name, test := range spoiled() {
		t.Run(name, func(t *testing.T) {
			folder, version := enginetest.CopyModel(t)
			models := registrytest.Folder(t, folder)
			second := filepath.Join(folder, model, "2")
			if err := os.CopyFS(second, os.DirFS(version)); err != nil {
				t.Fatal(err)
			}
			test.spoil(t, second)
			if err := models.Refresh(t.Context()); err != nil {
				t.Fatal(err)
			}
			if number(t, models, 2, "") != 0 {
				t.Error("a refused version was answered")
			}
			if _, err := models.Load(t.Context(), model, 2); !errors.Is(err, registry.ErrRefused) || !errors.Is(err, test.want) {
				t.Errorf("load: got %v, want %v", err, test.want)
			} else if !strings.Contains(err.Error(), reasons()[name]) {
				t.Errorf("load: %v does not say %q", err, reasons()[name])
			}
			if _, _, err := models.SetAlias(t.Context(), model, registry.Order{Alias: registry.Champion, Version: 2, Force: true}); !errors.Is(err, test.want) {
				t.Errorf("set the champion: got %v, want %v", err, test.want)
			}
			found, err := models.Model(model)
			if err != nil {
				t.Fatal(err)
			}
			if refused, err := found.Version(2); err != nil || refused.State != registry.Refused || !errors.Is(refused.Refusal, test.want) {
				t.Errorf("got %v, want %v", refused.Refusal, test.want)
			}
			if got := number(t, models, 0, ""); got != 1 {
				t.Errorf("the good version must serve: got %d", got)
			}
			if err := models.Ready(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestVersionThatTakesTooMuchMemoryIsRefused(t *testing.T) {
	options := registrytest.Options(t, enginetest.Repository(), hub.Settings{})
	options.MemoryBudget = 1
	models := registrytest.Open(t, options)
	found, err := models.Model(model)
	if err != nil {
		t.Fatal(err)
	}
	for _, version := range found.Versions {
		if !errors.Is(version.Refusal, registry.ErrMemory) {
			t.Errorf("version %d: got %v", version.Number, version.Refusal)
		}
	}
	if err := models.Ready(); err == nil || !errors.Is(err, registry.ErrMemory) {
		t.Errorf("got %v", err)
	}
}

// A folder of state that cannot be used is said, and not that models are being loaded.
func TestWhatKeepsModelsFromBeingLoadedIsSaid(t *testing.T) {
	state := filepath.Join(t.TempDir(), "state")
	if err := os.WriteFile(state, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	options := registrytest.Options(t, enginetest.Repository(), hub.Settings{})
	options.Journal = registry.NewFileJournal(state, options.Repository.Name())
	models := registry.New(options)
	t.Cleanup(models.Close)
	if err := models.Refresh(t.Context()); err == nil {
		t.Error("a file is taken for the folder of the state")
	}
	if err := models.Ready(); err == nil || !strings.Contains(err.Error(), state) {
		t.Errorf("got %v", err)
	}
}

func TestNothingToServeIsNotReady(t *testing.T) {
	if err := registry.New(registrytest.Options(t, enginetest.Repository(), hub.Settings{})).Ready(); !errors.Is(err, registry.ErrLoading) {
		t.Errorf("before the first look: got %v", err)
	}
	if err := registrytest.Folder(t, t.TempDir()).Ready(); err == nil {
		t.Error("an empty repository must not be ready")
	}
	folder, version := enginetest.CopyModel(t)
	if err := os.Remove(filepath.Join(version, modelpkg.ManifestFile)); err != nil {
		t.Fatal(err)
	}
	models := registrytest.Folder(t, folder)
	if err := models.Ready(); err == nil || !strings.Contains(err.Error(), model) || !errors.Is(err, modelpkg.ErrPackage) {
		t.Errorf("only a refused version: got %v", err)
	}
	if err := os.CopyFS(version, os.DirFS("testdata/none")); err == nil {
		t.Fatal("there is such a folder")
	}
	for _, location := range []string{filepath.Join(folder, "nowhere"), "hf://attrition", "hf://acme/attrition@../x"} {
		if _, err := repository.Open(location, hub.Settings{HFEndpoint: "http://127.0.0.1:1"}, slog.New(slog.DiscardHandler)); err == nil ||
			!strings.Contains(err.Error(), "MODEL_REPOSITORY") {
			t.Errorf("%s: got %v, want an error that names the setting", location, err)
		}
	}
}

// An optional field whose missing value the manifest gives is no reason to refuse.
func TestOptionalFieldWithAValueForTheMissingIsAdmitted(t *testing.T) {
	folder, version := enginetest.CopyModel(t)
	enginetest.EditManifest(t, version, false, func(m map[string]any) { optional(m, "commute_distance", 7) })
	if err := registrytest.Folder(t, folder).Ready(); err != nil {
		t.Error(err)
	}
}

// A folder that somebody began beside a healthy model takes nothing from it, neither now
// nor at the next start; the reason is there to be read.
func TestNewModelThatIsInvalidTakesNothingFromTheOthers(t *testing.T) {
	folder, _ := enginetest.CopyModel(t)
	models := registrytest.Folder(t, folder)
	if err := os.MkdirAll(filepath.Join(folder, "aaa", "1"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := models.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	for name, models := range map[string]*registry.Registry{"at the next look": models, "at the next start": registrytest.Folder(t, folder)} {
		if err := models.Ready(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got := number(t, models, 0, ""); got != 1 {
			t.Errorf("%s: version %d answers", name, got)
		}
		if problem := models.Problems()["aaa"]; problem == nil || !strings.Contains(problem.Error(), "manifest.json") {
			t.Errorf("%s: the reason is %v", name, problem)
		}
	}
}

// A version that was copied in badly is mended in its place and then answers.
func TestRefusedVersionIsTriedAgain(t *testing.T) {
	folder, version := enginetest.CopyModel(t)
	graph := filepath.Join(version, modelpkg.GraphFile)
	whole, err := os.ReadFile(graph)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(graph, whole[:len(whole)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	models := registrytest.Folder(t, folder)
	if models.Ready() == nil {
		t.Fatal("half a graph must not be ready")
	}
	if err := os.WriteFile(graph, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := models.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := models.Ready(); err != nil {
		t.Error(err)
	}
}

// Who changes a version in its place has not given it a new number: what was
// admitted serves on, and the change is said.
func TestVersionNeverChanges(t *testing.T) {
	folder, version := enginetest.CopyModel(t)
	models := registrytest.Folder(t, folder)
	before, err := models.Acquire(model, 0, "")
	if err != nil {
		t.Fatal(err)
	}
	defer before.Release()
	enginetest.EditManifest(t, version, false, func(m map[string]any) { m["threshold"].(map[string]any)["value"] = 0.01 })
	if err := models.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	after, err := models.Acquire(model, 0, "")
	if err != nil {
		t.Fatal(err)
	}
	defer after.Release()
	if after != before {
		t.Error("the version was changed under its number")
	}
	if reason := models.Source().Reason; !strings.Contains(reason, "was changed") {
		t.Errorf("got %q", reason)
	}
}

func TestFoldersThatAreNoVersionsArePassedOver(t *testing.T) {
	folder, _ := enginetest.CopyModel(t)
	for _, name := range []string{"0", "-1", "01", "v2", "99999999999", ".git"} {
		if err := os.Mkdir(filepath.Join(folder, model, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	found, err := registrytest.Folder(t, folder).Model(model)
	if err != nil || len(found.Versions) != 1 {
		t.Errorf("got %v, %v", found, err)
	}
}

func TestOnlySoManyVersionsAreLoadedByThemselves(t *testing.T) {
	folder, version := enginetest.CopyModel(t)
	for _, name := range []string{"2", "3", "4"} {
		if err := os.CopyFS(filepath.Join(folder, model, name), os.DirFS(version)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(folder, model, repository.AliasesFile), []byte(`{"champion": 1}`), 0o600); err != nil {
		t.Fatal(err)
	}
	options := registrytest.Options(t, folder, hub.Settings{})
	options.MaxLoaded = 2
	models := registrytest.Open(t, options)
	for version, ready := range map[int32]bool{1: true, 2: false, 3: false, 4: true} {
		if got := number(t, models, version, "") != 0; got != ready {
			t.Errorf("version %d ready: %t", version, got)
		}
	}
	if _, err := models.Load(t.Context(), model, 3); err != nil || number(t, models, 3, "") != 3 {
		t.Errorf("a version that is asked for: %v", err)
	}
}
