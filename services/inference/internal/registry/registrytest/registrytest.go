// Package registrytest gives tests a registry on the real engine.
package registrytest

import (
	"log/slog"
	"testing"

	"github.com/futurisys/futurisys/services/inference/internal/engine/enginetest"
	"github.com/futurisys/futurisys/services/inference/internal/hub"
	"github.com/futurisys/futurisys/services/inference/internal/registry"
	"github.com/futurisys/futurisys/services/inference/internal/repository"
)

// Options are those of a registry of the models in a folder, or hf://...
func Options(t testing.TB, location string, settings hub.Settings) registry.Options {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	versions, err := repository.Open(location, settings, log)
	if err != nil {
		t.Fatal(err)
	}
	return registry.Options{Repository: versions, Runtime: enginetest.Open(t), MaxLoaded: 8, Logger: log}
}

// Open opens a registry with these options and looks at the repository once.
func Open(t testing.TB, options registry.Options) *registry.Registry {
	t.Helper()
	models := registry.New(options)
	t.Cleanup(models.Close)
	if err := models.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	return models
}

// Folder opens the models of a folder.
func Folder(t testing.TB, folder string) *registry.Registry {
	t.Helper()
	return Open(t, Options(t, folder, hub.Settings{}))
}
