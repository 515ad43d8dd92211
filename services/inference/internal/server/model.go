package server

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/futurisys/futurisys/services/inference/internal/modelpkg"
	"github.com/futurisys/futurisys/services/inference/internal/registry"
	"github.com/futurisys/futurisys/services/platform/apierr"
	"github.com/futurisys/futurisys/services/platform/pagetoken"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// Models is what is loaded.
type Models interface {
	Models() []*registry.Model
	Model(name string) (*registry.Model, error)
}

// Model serves ModelService.
type Model struct {
	futurisysv1.UnimplementedModelServiceServer

	models Models
}

// NewModel returns the service.
func NewModel(models Models) *Model { return &Model{models: models} }

// ListModels lists the models, by name.
func (s *Model) ListModels(_ context.Context, request *futurisysv1.ListModelsRequest) (*futurisysv1.ListModelsResponse, error) {
	all := s.models.Models()
	page, next, err := page(all, "models", request.GetPageSize(), request.GetPageToken(),
		func(m *registry.Model) string { return m.Name })
	if err != nil {
		return nil, err
	}
	out := &futurisysv1.ListModelsResponse{NextPageToken: next, TotalSize: int32(len(all))}
	for _, model := range page {
		out.Models = append(out.Models, modelMessage(model, false))
	}
	return out, nil
}

// GetModel reads one model with its champion's card.
func (s *Model) GetModel(_ context.Context, request *futurisysv1.GetModelRequest) (*futurisysv1.Model, error) {
	model, err := s.models.Model(request.GetModel())
	if err != nil {
		return nil, lookupError(err, request.GetModel(), 0, "")
	}
	return modelMessage(model, true), nil
}

// ListModelVersions lists the versions of a model, the refused ones too.
func (s *Model) ListModelVersions(_ context.Context, request *futurisysv1.ListModelVersionsRequest) (*futurisysv1.ListModelVersionsResponse, error) {
	model, err := s.models.Model(request.GetModel())
	if err != nil {
		return nil, lookupError(err, request.GetModel(), 0, "")
	}
	page, next, err := page(model.Versions, "versions of "+model.Name, request.GetPageSize(), request.GetPageToken(),
		func(v *registry.Version) int32 { return v.Number })
	if err != nil {
		return nil, err
	}
	out := &futurisysv1.ListModelVersionsResponse{NextPageToken: next, TotalSize: int32(len(model.Versions))}
	for _, version := range page {
		out.ModelVersions = append(out.ModelVersions, versionMessage(model, version, false))
	}
	return out, nil
}

// GetModelVersion reads one version with its card, a refused one too.
func (s *Model) GetModelVersion(_ context.Context, request *futurisysv1.GetModelVersionRequest) (*futurisysv1.ModelVersion, error) {
	model, err := s.models.Model(request.GetModel())
	if err != nil {
		return nil, lookupError(err, request.GetModel(), 0, "")
	}
	version, err := model.Version(request.GetVersion())
	if err != nil {
		return nil, lookupError(err, request.GetModel(), request.GetVersion(), "")
	}
	return versionMessage(model, version, true), nil
}

// page returns the rows after the token's key, in ascending order, and the next token.
func page[T any, K cmp.Ordered](all []T, list string, size int32, token string, key func(T) K) ([]T, string, error) {
	after, err := pagetoken.Decode[K](list, token)
	if err != nil {
		return nil, "", apierr.New(codes.InvalidArgument, futurisysv1.ErrorReason_ERROR_REASON_INVALID_PAGE_TOKEN,
			"page_token is not one that this list gave")
	}
	if after != nil {
		start := slices.IndexFunc(all, func(one T) bool { return key(one) > *after })
		if start < 0 {
			return nil, "", nil
		}
		all = all[start:]
	}
	count := pagetoken.Size(size)
	if len(all) <= count {
		return all, "", nil
	}
	next, err := pagetoken.Encode(list, key(all[count-1]))
	if err != nil {
		return nil, "", err //nolint:wrapcheck // it says what it was doing
	}
	return all[:count], next, nil
}

func modelMessage(model *registry.Model, whole bool) *futurisysv1.Model {
	out := &futurisysv1.Model{Name: model.Name, Aliases: maps.Clone(model.Aliases)}
	for _, version := range model.Versions {
		if version.Refusal == nil {
			out.Versions = append(out.Versions, version.Number)
		}
	}
	if number, ok := model.Aliases[registry.Champion]; ok {
		if champion, err := model.Version(number); err == nil {
			out.Champion = versionMessage(model, champion, whole)
		}
	}
	return out
}

func versionMessage(model *registry.Model, version *registry.Version, whole bool) *futurisysv1.ModelVersion {
	out := &futurisysv1.ModelVersion{
		Model:     version.Model,
		Version:   version.Number,
		State:     futurisysv1.ModelVersionState_MODEL_VERSION_STATE_READY,
		LoadTime:  timestamppb.New(version.LoadTime),
		LatencyUs: version.LatencyUs,
	}
	for alias, number := range model.Aliases {
		if number == version.Number {
			out.Aliases = append(out.Aliases, alias)
		}
	}
	slices.Sort(out.GetAliases())
	if version.Refusal != nil {
		out.State = futurisysv1.ModelVersionState_MODEL_VERSION_STATE_REFUSED
		out.StateReason = version.Refusal.Error()
	}
	if version.Package != nil {
		describe(out, version.Package, whole)
	}
	if whole {
		out.ExampleProfile = version.Example
	}
	return out
}

// describe copies what the package says; card and threshold curve only on request.
func describe(out *futurisysv1.ModelVersion, source *modelpkg.Package, whole bool) {
	manifest := &source.Manifest
	out.Revision = source.Revision
	out.SemanticVersion = manifest.Version
	out.Task = manifest.Task
	out.PositiveLabel, out.NegativeLabel = manifest.PositiveLabel, manifest.NegativeLabel
	out.HorizonDays = manifest.HorizonDays
	out.Threshold = &futurisysv1.Threshold{
		Value: manifest.Threshold.Value, Method: manifest.Threshold.Method,
		Precision: manifest.Threshold.Precision, Recall: manifest.Threshold.Recall,
	}
	for _, feature := range manifest.Features {
		out.Features = append(out.Features, &futurisysv1.ModelFeature{
			Name: feature.Name, Type: feature.Type, Categories: feature.Categories,
			Min: feature.Min, Max: feature.Max, Unit: feature.Unit,
			LabelFr: feature.Label.FR, LabelEn: feature.Label.EN, Required: feature.Required,
		})
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
