package server

import (
	"cmp"
	"context"
	"slices"

	"github.com/futurisys/futurisys/services/inference/internal/registry"
	"github.com/futurisys/futurisys/services/platform/apierr"
	"github.com/futurisys/futurisys/services/platform/pagetoken"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// Models are the models as they stand, and how they can be changed.
type Models interface {
	Models() []*registry.Model
	Model(name string) (*registry.Model, error)
	Source() registry.Source
	Refresh(ctx context.Context) error
	Load(ctx context.Context, model string, version int32) (*registry.Version, error)
	Unload(model string, version int32) (*registry.Version, error)
	SetAlias(ctx context.Context, model string, order registry.Order) (changed *registry.Model, lagging []string, err error)
	RollbackAlias(ctx context.Context, model string, order registry.Order) (changed *registry.Model, lagging []string, err error)
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
		out.Models = append(out.Models, modelMessage(model, s.models.Source(), false))
	}
	return out, nil
}

// GetModel reads one model with its champion's card.
func (s *Model) GetModel(_ context.Context, request *futurisysv1.GetModelRequest) (*futurisysv1.Model, error) {
	model, err := s.models.Model(request.GetModel())
	if err != nil {
		return nil, lookupError(err, request.GetModel(), 0, "")
	}
	return modelMessage(model, s.models.Source(), true), nil
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
		return nil, "", apierr.New(futurisysv1.ErrorReason_ERROR_REASON_INVALID_PAGE_TOKEN)
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
