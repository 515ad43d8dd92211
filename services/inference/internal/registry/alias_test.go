package registry_test

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/futurisys/futurisys/services/inference/internal/engine/enginetest"
	"github.com/futurisys/futurisys/services/inference/internal/hub"
	"github.com/futurisys/futurisys/services/inference/internal/registry"
	"github.com/futurisys/futurisys/services/inference/internal/registry/registrytest"
)

// kept opens the committed models with a folder for the state.
func kept(t *testing.T, state string) *registry.Registry {
	t.Helper()
	options := registrytest.Options(t, enginetest.Repository(), hub.Settings{})
	if state != "" {
		options.Journal = registry.NewFileJournal(state, options.Repository.Name())
	}
	return registrytest.Open(t, options)
}

func set(t *testing.T, models *registry.Registry, alias string, version int32) *registry.Model {
	t.Helper()
	changed, _, err := models.SetAlias(t.Context(), model, registry.Order{Alias: alias, Version: version, By: "marie", Comment: "test"})
	if err != nil {
		t.Fatal(err)
	}
	return changed
}

func rollback(t *testing.T, models *registry.Registry) error {
	t.Helper()
	_, _, err := models.RollbackAlias(t.Context(), model, registry.Order{Alias: registry.Champion, By: "jean"})
	return err
}

func TestAliasesAreKeptAcrossRestartsWithWhoAndWhen(t *testing.T) {
	state := t.TempDir()
	models := kept(t, state)
	set(t, models, registry.Champion, 2)
	set(t, models, "canary", 1)
	set(t, models, "canary", 0)
	models = kept(t, state)
	if got := number(t, models, 0, ""); got != 2 {
		t.Errorf("the champion is %d after a restart", got)
	}
	if got := number(t, models, 0, "canary"); got != 0 {
		t.Errorf("a removed alias stands for %d", got)
	}
	found, err := models.Model(model)
	if err != nil {
		t.Fatal(err)
	}
	var kinds []registry.ChangeKind
	for _, change := range found.Changes {
		kinds = append(kinds, change.Kind)
		if change.Time.IsZero() || change.By == "" || (change.To != 0) != strings.HasPrefix(change.Revision, "sha256:") {
			t.Errorf("not whole: %+v", change)
		}
	}
	want := []registry.ChangeKind{registry.Initial, registry.Initial, registry.Set, registry.Set, registry.Removed}
	if !slices.Equal(kinds, want) {
		t.Errorf("got %v, want %v", kinds, want)
	}
	if last := found.Changes[2]; last.From != 1 || last.To != 2 || last.By != "marie" || last.Comment != "test" {
		t.Errorf("got %+v", last)
	}
}

func TestRollbackGoesBackStepByStep(t *testing.T) {
	models := kept(t, t.TempDir())
	if err := rollback(t, models); !errors.Is(err, registry.ErrNoEarlier) {
		t.Errorf("nothing was before: got %v", err)
	}
	set(t, models, registry.Champion, 2)
	set(t, models, registry.Champion, 2) // changes nothing, so there is nothing to go back over
	set(t, models, registry.Champion, 1)
	for _, want := range []int32{2, 1} {
		if err := rollback(t, models); err != nil {
			t.Fatal(err)
		}
		if got := number(t, models, 0, ""); got != want {
			t.Errorf("got %d, want %d", got, want)
		}
	}
	if err := rollback(t, models); !errors.Is(err, registry.ErrNoEarlier) {
		t.Errorf("back at the start: got %v", err)
	}
}

func TestRollbackLoadsWhatWasUnloaded(t *testing.T) {
	models := kept(t, t.TempDir())
	set(t, models, registry.Champion, 2)
	if _, err := models.Unload(model, 1); err != nil {
		t.Fatal(err)
	}
	if got := number(t, models, 1, ""); got != 0 {
		t.Fatal("an unloaded version answered")
	}
	if err := models.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := number(t, models, 1, ""); got != 0 {
		t.Error("what somebody unloaded was loaded again by itself")
	}
	if err := rollback(t, models); err != nil {
		t.Fatal(err)
	}
	if got := number(t, models, 0, ""); got != 1 {
		t.Errorf("got %d", got)
	}
}

func TestVersionWithAnAliasIsNotUnloaded(t *testing.T) {
	models := kept(t, "")
	for _, version := range []int32{1, 2} {
		if _, err := models.Unload(model, version); !errors.Is(err, registry.ErrInUse) {
			t.Errorf("version %d: got %v", version, err)
		}
	}
	if _, _, err := models.SetAlias(t.Context(), model, registry.Order{Alias: registry.Champion}); !errors.Is(err, registry.ErrRemove) {
		t.Errorf("the champion was removed: %v", err)
	}
	set(t, models, "challenger", 0)
	if _, err := models.Unload(model, 2); err != nil {
		t.Error(err)
	}
}

func TestUnknownVersionGetsNoAlias(t *testing.T) {
	models := kept(t, "")
	for name, want := range map[string]error{model: registry.ErrVersion, "nothing": registry.ErrModel} {
		if _, _, err := models.SetAlias(t.Context(), name, registry.Order{Alias: "canary", Version: 9}); !errors.Is(err, want) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// Two copies of the service that share the folder follow each other.
func TestCopiesFollowWhatOneSet(t *testing.T) {
	state := t.TempDir()
	one, other := kept(t, state), kept(t, state)
	set(t, one, registry.Champion, 2)
	if err := other.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := number(t, other, 0, ""); got != 2 {
		t.Errorf("the other copy answers with %d", got)
	}
	if err := rollback(t, other); err != nil {
		t.Fatal(err)
	}
	set(t, one, "canary", 1) // takes what the other kept with it
	if got := number(t, one, 0, ""); got != 1 {
		t.Errorf("the first copy answers with %d", got)
	}
}

func TestStateThatCannotBeReadIsNotReady(t *testing.T) {
	state := t.TempDir()
	kept(t, state).Close()
	if err := os.WriteFile(filepath.Join(state, "folder", model+".aliases.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	options := registrytest.Options(t, enginetest.Repository(), hub.Settings{})
	options.Journal = registry.NewFileJournal(state, options.Repository.Name())
	models := registry.New(options)
	t.Cleanup(models.Close)
	if err := models.Refresh(t.Context()); err == nil || !strings.Contains(err.Error(), "MODEL_STATE_DIR") {
		t.Errorf("got %v, want an error that names the setting", err)
	}
	if models.Ready() == nil {
		t.Error("who is champion is not known: it must not be ready")
	}
}

// What cannot be kept does not happen: the champion would be another one after the
// next restart.
func TestChangeThatCannotBeKeptIsNotMade(t *testing.T) {
	state := filepath.Join(t.TempDir(), "state")
	models := kept(t, state)
	if err := os.RemoveAll(state); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(state, nil, 0o600); err != nil { // a file where the folder was
		t.Fatal(err)
	}
	if _, _, err := models.SetAlias(t.Context(), model, registry.Order{Alias: registry.Champion, Version: 2}); err == nil {
		t.Error("the change was made")
	}
	if got := number(t, models, 0, ""); got != 1 {
		t.Errorf("the champion is %d", got)
	}
}

func TestAnotherSchemaIsPromotedOnlyByForce(t *testing.T) {
	folder, version := enginetest.CopyModel(t)
	models := registrytest.Folder(t, folder)
	second := filepath.Join(folder, model, "2")
	if err := os.CopyFS(second, os.DirFS(version)); err != nil {
		t.Fatal(err)
	}
	enginetest.EditManifest(t, second, false, func(m map[string]any) {
		m["horizon_days"] = 90
		for _, f := range m["features"].([]any) {
			feature := f.(map[string]any)
			switch feature["name"] {
			case "department":
				feature["categories"] = append(feature["categories"].([]any), "Audit")
			case "monthly_income":
				feature["required"], feature["impute"] = false, 5000
			}
		}
	})
	if err := models.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	order := registry.Order{Alias: registry.Champion, Version: 2}
	_, _, err := models.SetAlias(t.Context(), model, order)
	if !errors.Is(err, registry.ErrSchema) || !strings.Contains(err.Error(), "Audit") || !strings.Contains(err.Error(), "horizon") {
		t.Errorf("got %v", err)
	}
	set(t, models, "challenger", 2) // to try it is nobody's risk
	order.Force = true
	changed, _, err := models.SetAlias(t.Context(), model, order)
	if err != nil || !changed.Changes[len(changed.Changes)-1].Forced {
		t.Fatalf("got %v", err)
	}
	if err := rollback(t, models); err != nil { // in an emergency nothing stands in the way
		t.Error(err)
	}
}

func TestDifferences(t *testing.T) {
	models := registrytest.Folder(t, enginetest.Repository())
	version, err := models.Acquire(model, 1, "")
	if err != nil {
		t.Fatal(err)
	}
	defer version.Release()
	from := version.Package.Manifest
	to := from
	to.Features = slices.Clone(from.Features)
	slices.Reverse(to.Features)
	if got := registry.Differences(&from, &to); len(got) != 0 {
		t.Errorf("another order is no difference: %v", got)
	}
	to.Features[0].Name = "gender"
	to.Features[1].Type = "boolean"
	to.Features[2].Required = !to.Features[2].Required
	to.PositiveLabel = "goes"
	got := map[registry.DifferenceKind]int{}
	for _, difference := range registry.Differences(&from, &to) {
		got[difference.Kind]++
	}
	want := map[registry.DifferenceKind]int{
		registry.FeatureAdded: 1, registry.FeatureRemoved: 1, registry.TypeChanged: 1, registry.RequiredChanged: 1, registry.AnswerChanged: 1,
	}
	if !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
