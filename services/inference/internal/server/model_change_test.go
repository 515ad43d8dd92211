package server_test

import (
	"strings"
	"testing"

	"google.golang.org/grpc/codes"

	"github.com/futurisys/futurisys/services/inference/internal/recorder"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

const attrition = "attrition"

func TestAliasesAreSetAndRolledBack(t *testing.T) {
	a := start(t, recorder.Off)
	set := func(alias string, version int32) (*futurisysv1.Model, error) {
		return a.models.SetModelAlias(t.Context(), &futurisysv1.SetModelAliasRequest{
			Model: attrition, Alias: alias, Version: version, ChangedBy: "marie", Comment: "better on leavers",
		})
	}
	model, err := set("champion", 2)
	if err != nil || model.GetChampion().GetVersion() != 2 || model.GetAliases()["champion"] != 2 {
		t.Fatalf("got %v, %v", model, err)
	}
	if change := model.GetAliasChanges()[0]; change.GetKind() != futurisysv1.AliasChangeKind_ALIAS_CHANGE_KIND_SET || change.GetFromVersion() != 1 ||
		change.GetToVersion() != 2 || change.GetChangedBy() != "marie" || change.GetToRevision() != model.GetChampion().GetRevision() || change.GetChangeTime() == nil {
		t.Errorf("got %v", change)
	}
	model, err = a.models.RollbackModelAlias(t.Context(), &futurisysv1.RollbackModelAliasRequest{Model: attrition, Alias: "champion"})
	if err != nil || model.GetChampion().GetVersion() != 1 {
		t.Fatalf("got %v, %v", model, err)
	}
	_, err = a.models.RollbackModelAlias(t.Context(), &futurisysv1.RollbackModelAliasRequest{Model: attrition, Alias: "champion"})
	refused(t, err, codes.FailedPrecondition, "NO_EARLIER_VERSION")
	_, err = set("champion", 0)
	refused(t, err, codes.InvalidArgument, "INVALID_ARGUMENT")
	_, err = set("champion", 9)
	refused(t, err, codes.NotFound, "MODEL_VERSION_NOT_FOUND")
	for _, bad := range []string{"", "Champion", "../x", strings.Repeat("a", 51)} {
		_, err = set(bad, 1)
		refused(t, err, codes.InvalidArgument, "INVALID_ARGUMENT")
	}
}

func TestVersionsAreUnloadedAndLoaded(t *testing.T) {
	a := start(t, recorder.Off)
	_, err := a.models.UnloadModelVersion(t.Context(), &futurisysv1.UnloadModelVersionRequest{Model: attrition, Version: 1})
	refused(t, err, codes.FailedPrecondition, "MODEL_VERSION_IN_USE")
	if _, err := a.models.SetModelAlias(t.Context(), &futurisysv1.SetModelAliasRequest{Model: attrition, Alias: "challenger"}); err != nil {
		t.Fatal(err)
	}
	version, err := a.models.UnloadModelVersion(t.Context(), &futurisysv1.UnloadModelVersionRequest{Model: attrition, Version: 2})
	if err != nil || version.GetState() != futurisysv1.ModelVersionState_MODEL_VERSION_STATE_AVAILABLE || version.GetSemanticVersion() != "2.0.0" {
		t.Fatalf("got %v, %v", version, err)
	}
	_, err = a.predictions.Predict(t.Context(), &futurisysv1.PredictRequest{Model: attrition, Version: 2, Profile: example(t, a)})
	refused(t, err, codes.NotFound, "MODEL_VERSION_NOT_FOUND")
	version, err = a.models.LoadModelVersion(t.Context(), &futurisysv1.LoadModelVersionRequest{Model: attrition, Version: 2})
	if err != nil || version.GetState() != futurisysv1.ModelVersionState_MODEL_VERSION_STATE_READY || version.GetMemoryBytes() == 0 {
		t.Fatalf("got %v, %v", version, err)
	}
	if len(version.GetSchemaChanges()) != 0 {
		t.Errorf("both versions take the same: %v", version.GetSchemaChanges())
	}
	_, err = a.models.LoadModelVersion(t.Context(), &futurisysv1.LoadModelVersionRequest{Model: attrition, Version: 9})
	refused(t, err, codes.NotFound, "MODEL_VERSION_NOT_FOUND")
	_, err = a.models.UnloadModelVersion(t.Context(), &futurisysv1.UnloadModelVersionRequest{Model: "nothing", Version: 1})
	refused(t, err, codes.NotFound, "MODEL_NOT_FOUND")
	refreshed, err := a.models.RefreshModels(t.Context(), &futurisysv1.RefreshModelsRequest{})
	if err != nil || len(refreshed.GetModels()) != 1 || refreshed.GetModels()[0].GetSource().GetRepository() != "folder" ||
		refreshed.GetModels()[0].GetSource().GetRefreshTime() == nil {
		t.Errorf("got %v, %v", refreshed, err)
	}
}

func TestImportanceIsOfTheLoadedVersion(t *testing.T) {
	a := start(t, recorder.Off)
	for version, method := range map[int32]futurisysv1.ExplainMethod{1: futurisysv1.ExplainMethod_EXPLAIN_METHOD_ADDITIVE, 2: futurisysv1.ExplainMethod_EXPLAIN_METHOD_TREE} {
		got, err := a.models.GetModelVersion(t.Context(), &futurisysv1.GetModelVersionRequest{Model: attrition, Version: version})
		if err != nil || got.GetExplainMethod() != method || len(got.GetImportance()) != len(got.GetFeatures()) {
			t.Fatalf("version %d: got %s, %d features, %v", version, got.GetExplainMethod(), len(got.GetImportance()), err)
		}
		for i, one := range got.GetImportance() {
			if one.GetSpace() != futurisysv1.ExplainSpace_EXPLAIN_SPACE_LOG_ODDS || one.GetMeanAbsolute() < 0 || i > 0 && one.GetMeanAbsolute() > got.GetImportance()[i-1].GetMeanAbsolute() {
				t.Errorf("version %d: got %v", version, got.GetImportance())
			}
		}
		if got.GetImportance()[0].GetFeature() != "overtime" && got.GetImportance()[1].GetFeature() != "overtime" {
			t.Errorf("version %d: overtime is what moves scores most on this data, got %v", version, got.GetImportance()[:2])
		}
	}
	if _, err := a.models.SetModelAlias(t.Context(), &futurisysv1.SetModelAliasRequest{Model: attrition, Alias: "challenger"}); err != nil {
		t.Fatal(err)
	}
	got, err := a.models.UnloadModelVersion(t.Context(), &futurisysv1.UnloadModelVersionRequest{Model: attrition, Version: 2})
	if err != nil || got.GetExplainMethod() != 0 || len(got.GetImportance()) != 0 {
		t.Errorf("unloaded: got %v, %v", got.GetImportance(), err)
	}
}
