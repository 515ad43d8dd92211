package ui

import (
	"context"
	"slices"
	"sync"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// Models remembers what the model last said of itself, so that lists have their labels
// while inference is away.
type Models struct {
	Client futurisysv1.ModelServiceClient

	mu    sync.Mutex
	known *futurisysv1.Model
}

// Get is the model: the first one by name that has a champion.
func (m *Models) Get(ctx context.Context) (*futurisysv1.Model, error) {
	listed, err := m.Client.ListModels(ctx, &futurisysv1.ListModelsRequest{PageSize: 1000}) //nolint:mnd // all there can be on a page
	if err != nil {
		return nil, err //nolint:wrapcheck // a status
	}
	at := slices.IndexFunc(listed.GetModels(), func(one *futurisysv1.Model) bool { return one.GetChampion() != nil })
	if at < 0 {
		return nil, status.Error(codes.Unavailable, "no model is loaded") //nolint:wrapcheck // a status
	}
	model, err := m.Client.GetModel(ctx, &futurisysv1.GetModelRequest{Model: listed.GetModels()[at].GetName()})
	if err != nil {
		return nil, err //nolint:wrapcheck // a status
	}
	if model.GetChampion() == nil {
		return nil, status.Error(codes.Unavailable, "no version is ready") //nolint:wrapcheck // a status
	}
	m.mu.Lock()
	m.known = model
	m.mu.Unlock()
	return model, nil
}

// Last is the model as it was last known, nil: it never was.
func (m *Models) Last(ctx context.Context) *futurisysv1.Model {
	if model, err := m.Get(ctx); err == nil {
		return model
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.known
}

// FeatureOf is what a version says of a field; nil: it does not use it.
func FeatureOf(version *futurisysv1.ModelVersion, name string) *futurisysv1.ModelFeature {
	for _, feature := range version.GetFeatures() {
		if feature.GetName() == name {
			return feature
		}
	}
	return nil
}

// BandNames are the bands of a version as the API names them.
func BandNames(version *futurisysv1.ModelVersion) []string {
	out := make([]string, len(version.GetBands()))
	for i, band := range version.GetBands() {
		out[i] = band.GetName()
	}
	return out
}
