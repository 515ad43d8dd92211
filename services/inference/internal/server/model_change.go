package server

import (
	"cmp"
	"context"

	"github.com/futurisys/futurisys/services/inference/internal/registry"
	"github.com/futurisys/futurisys/services/platform/access"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// RefreshModels looks for new versions now.
func (s *Model) RefreshModels(ctx context.Context, _ *futurisysv1.RefreshModelsRequest) (*futurisysv1.RefreshModelsResponse, error) {
	if err := s.models.Refresh(ctx); err != nil {
		return nil, changeError(err, "", 0, "")
	}
	out := &futurisysv1.RefreshModelsResponse{}
	for _, model := range s.models.Models() {
		out.Models = append(out.Models, modelMessage(model, s.models.Source(), false))
	}
	return out, nil
}

// LoadModelVersion fetches, checks and warms a version.
func (s *Model) LoadModelVersion(ctx context.Context, request *futurisysv1.LoadModelVersionRequest) (*futurisysv1.ModelVersion, error) {
	version, err := s.models.Load(ctx, request.GetModel(), request.GetVersion())
	return s.changed(request, version, err)
}

// UnloadModelVersion frees a version.
func (s *Model) UnloadModelVersion(_ context.Context, request *futurisysv1.UnloadModelVersionRequest) (*futurisysv1.ModelVersion, error) {
	version, err := s.models.Unload(request.GetModel(), request.GetVersion())
	return s.changed(request, version, err)
}

// changed answers with a version that was changed, or why it was not.
func (s *Model) changed(request interface {
	GetModel() string
	GetVersion() int32
}, version *registry.Version, err error,
) (*futurisysv1.ModelVersion, error) {
	if err != nil {
		return nil, changeError(err, request.GetModel(), request.GetVersion(), "")
	}
	model, err := s.models.Model(request.GetModel())
	if err != nil {
		return nil, lookupError(err, request.GetModel(), 0, "")
	}
	return versionMessage(model, version, true), nil
}

// SetModelAlias makes an alias stand for a version.
func (s *Model) SetModelAlias(ctx context.Context, request *futurisysv1.SetModelAliasRequest) (*futurisysv1.Model, error) {
	model, lagging, err := s.models.SetAlias(ctx, request.GetModel(), registry.Order{
		Alias: request.GetAlias(), Version: request.GetVersion(), Force: request.GetForce(),
		By: changedBy(ctx, request), Comment: request.GetComment(),
	})
	if err != nil {
		return nil, changeError(err, request.GetModel(), request.GetVersion(), request.GetAlias())
	}
	return s.aliasChanged(model, lagging), nil
}

// RollbackModelAlias makes an alias stand for what it stood for before.
func (s *Model) RollbackModelAlias(ctx context.Context, request *futurisysv1.RollbackModelAliasRequest) (*futurisysv1.Model, error) {
	model, lagging, err := s.models.RollbackAlias(ctx, request.GetModel(), registry.Order{
		Alias: request.GetAlias(), By: changedBy(ctx, request), Comment: request.GetComment(),
	})
	if err != nil {
		return nil, changeError(err, request.GetModel(), 0, request.GetAlias())
	}
	return s.aliasChanged(model, lagging), nil
}

// changedBy is who changes an alias: whoever is known, and nobody whom a caller names.
func changedBy(ctx context.Context, request interface{ GetChangedBy() string }) string {
	return cmp.Or(access.Subject(ctx), request.GetChangedBy())
}

// aliasChanged answers with a model of which an alias was changed.
func (s *Model) aliasChanged(model *registry.Model, lagging []string) *futurisysv1.Model {
	out := modelMessage(model, s.models.Source(), true)
	out.LaggingCopies = lagging
	return out
}
