package server

import (
	"cmp"
	"maps"
	"slices"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/futurisys/futurisys/services/inference/internal/modelpkg"
	"github.com/futurisys/futurisys/services/inference/internal/registry"
	"github.com/futurisys/futurisys/services/inference/internal/scoring"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// maxChanges is how many changes of aliases a model shows.
const maxChanges = 100

func modelMessage(model *registry.Model, source registry.Source, whole bool) *futurisysv1.Model {
	out := &futurisysv1.Model{
		Name: model.Name, Aliases: maps.Clone(model.Aliases),
		Source: &futurisysv1.ModelSource{
			Repository: source.Repository, FromCache: source.FromCache, Reason: source.Reason, RefreshTime: timestamppb.New(source.Time),
		},
	}
	for _, version := range model.Versions {
		if version.State == registry.Ready {
			out.Versions = append(out.Versions, version.Number)
		}
	}
	if champion := model.Champion(); champion != nil {
		out.Champion = versionMessage(model, champion, whole)
	}
	if whole {
		for _, change := range slices.Backward(model.Changes[max(len(model.Changes)-maxChanges, 0):]) {
			out.AliasChanges = append(out.AliasChanges, changeMessage(change))
		}
	}
	return out
}

func changeMessage(change registry.Change) *futurisysv1.AliasChange {
	return &futurisysv1.AliasChange{
		Alias: change.Alias, Kind: change.Kind.Message(), FromVersion: change.From, ToVersion: change.To, ToRevision: change.Revision,
		ChangedBy: change.By, Comment: change.Comment, Forced: change.Forced, ChangeTime: timestamppb.New(change.Time),
	}
}

func versionMessage(model *registry.Model, version *registry.Version, whole bool) *futurisysv1.ModelVersion {
	states := map[registry.State]futurisysv1.ModelVersionState{
		registry.Available: futurisysv1.ModelVersionState_MODEL_VERSION_STATE_AVAILABLE,
		registry.Loading:   futurisysv1.ModelVersionState_MODEL_VERSION_STATE_LOADING,
		registry.Ready:     futurisysv1.ModelVersionState_MODEL_VERSION_STATE_READY,
		registry.Refused:   futurisysv1.ModelVersionState_MODEL_VERSION_STATE_REFUSED,
	}
	out := &futurisysv1.ModelVersion{
		Model:       version.Model,
		Version:     version.Number,
		Tag:         version.Tag,
		Revision:    version.Revision,
		State:       states[version.State],
		LatencyUs:   version.LatencyUs,
		MemoryBytes: version.MemoryBytes,
	}
	if !version.LoadTime.IsZero() {
		out.LoadTime = timestamppb.New(version.LoadTime)
	}
	for alias, number := range model.Aliases {
		if number == version.Number {
			out.Aliases = append(out.Aliases, alias)
		}
	}
	slices.Sort(out.GetAliases())
	if version.Refusal != nil {
		out.StateReason = version.Refusal.Error()
	}
	if version.Package != nil {
		describe(out, version.Package, whole)
		if champion := model.Champion(); champion != nil {
			out.SchemaChanges = schemaChanges(&champion.Package.Manifest, &version.Package.Manifest)
		}
	}
	if whole {
		out.ExampleProfile = version.Example
	}
	if version.Acquire() {
		defer version.Release()
		out.ExplainMethod = scoring.Method(version.Explainer)
		if whole {
			out.Importance = importance(version)
		}
	}
	return out
}

// importance is how much each feature moves the scores of a version that the caller
// acquired, the greatest first; nothing, where it is not found yet.
func importance(version *registry.Version) []*futurisysv1.FeatureImportance {
	means := version.Importance()
	out := make([]*futurisysv1.FeatureImportance, len(means))
	for i, mean := range means {
		out[i] = &futurisysv1.FeatureImportance{
			Feature: version.Package.Manifest.Features[i].Name, MeanAbsolute: mean, Space: scoring.Space(version.Explainer),
		}
	}
	slices.SortStableFunc(out, func(a, b *futurisysv1.FeatureImportance) int {
		return cmp.Compare(b.GetMeanAbsolute(), a.GetMeanAbsolute())
	})
	return out
}

// describe copies what the package says; card and threshold curve only on request.
func describe(out *futurisysv1.ModelVersion, source *modelpkg.Package, whole bool) {
	manifest := &source.Manifest
	out.SemanticVersion = manifest.Version
	out.Task = manifest.Task
	out.PositiveLabel, out.NegativeLabel = manifest.PositiveLabel, manifest.NegativeLabel
	out.HorizonDays = manifest.HorizonDays
	out.Threshold = &futurisysv1.Threshold{
		Value: manifest.Threshold.Value, Method: manifest.Threshold.Method,
		Precision: manifest.Threshold.Precision, Recall: manifest.Threshold.Recall,
	}
	for i := range manifest.Features {
		out.Features = append(out.Features, featureMessage(&manifest.Features[i]))
	}
	for _, band := range manifest.Bands {
		out.Bands = append(out.Bands, &futurisysv1.RiskBand{Name: band.Name, From: band.From})
	}
	for _, name := range slices.Sorted(maps.Keys(manifest.Metrics)) {
		metric := manifest.Metrics[name]
		out.Metrics = append(out.Metrics, &futurisysv1.Metric{Name: name, Mean: metric.Mean, Sd: metric.SD})
	}
	if !whole {
		return
	}
	out.Card = source.Card
	for _, point := range manifest.Threshold.Curve {
		out.Threshold.Curve = append(out.Threshold.Curve, &futurisysv1.ThresholdPoint{
			Threshold: point.Threshold, Precision: point.Precision, Recall: point.Recall, FlaggedShare: point.FlaggedShare,
		})
	}
}

func featureMessage(feature *modelpkg.Feature) *futurisysv1.ModelFeature {
	out := &futurisysv1.ModelFeature{
		Name: feature.Name, Type: feature.Type, Categories: feature.Categories,
		Min: feature.Min, Max: feature.Max, Unit: feature.Unit,
		LabelFr: feature.Label.FR, LabelEn: feature.Label.EN, Required: feature.Required,
	}
	if can := feature.Actionable; can != nil {
		out.Actionable = &futurisysv1.Actionable{Direction: can.Direction, Min: can.Min, Max: can.Max}
	}
	return out
}

func schemaChanges(from, to *modelpkg.Manifest) []*futurisysv1.SchemaChange {
	kinds := map[registry.DifferenceKind]futurisysv1.SchemaChangeKind{
		registry.FeatureAdded:      futurisysv1.SchemaChangeKind_SCHEMA_CHANGE_KIND_FEATURE_ADDED,
		registry.FeatureRemoved:    futurisysv1.SchemaChangeKind_SCHEMA_CHANGE_KIND_FEATURE_REMOVED,
		registry.TypeChanged:       futurisysv1.SchemaChangeKind_SCHEMA_CHANGE_KIND_TYPE_CHANGED,
		registry.CategoriesChanged: futurisysv1.SchemaChangeKind_SCHEMA_CHANGE_KIND_CATEGORIES_CHANGED,
		registry.RequiredChanged:   futurisysv1.SchemaChangeKind_SCHEMA_CHANGE_KIND_REQUIRED_CHANGED,
		registry.AnswerChanged:     futurisysv1.SchemaChangeKind_SCHEMA_CHANGE_KIND_ANSWER_CHANGED,
	}
	differences := registry.Differences(from, to)
	out := make([]*futurisysv1.SchemaChange, 0, len(differences))
	for _, difference := range differences {
		out = append(out, &futurisysv1.SchemaChange{
			Kind: kinds[difference.Kind], Feature: difference.Feature, Description: difference.Description,
		})
	}
	return out
}
