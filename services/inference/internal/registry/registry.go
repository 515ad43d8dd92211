// Package registry holds the versions that are loaded and says which one
// answers a call.
package registry

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/futurisys/futurisys/services/inference/internal/engine"
	"github.com/futurisys/futurisys/services/inference/internal/features"
	"github.com/futurisys/futurisys/services/inference/internal/modelpkg"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// Champion is the alias of the version that answers when none is named.
const Champion = "champion"

// Errors of a look-up.
var (
	ErrModel   = errors.New("no such model")
	ErrVersion = errors.New("no such version")
)

// Version is one version of a model: either admitted, with all that it takes to
// score, or refused, with the reason.
type Version struct {
	Model    string
	Number   int32 // of its folder, from 1
	LoadTime time.Time
	// Refusal is why the version cannot be asked for; nil: it can.
	Refusal error

	// The rest is set when the package could be read.
	Package *modelpkg.Package
	// The rest is set when the version is admitted.
	Plan      *features.Plan
	Session   engine.Session
	LatencyUs float64                      // median of scoring one row at load
	Example   *futurisysv1.EmployeeProfile // its first golden row
}

// Model is the versions under one name.
type Model struct {
	Name     string
	Versions []*Version // ascending
	Aliases  map[string]int32
}

// Registry holds models. It is filled once and then only read.
type Registry struct {
	models map[string]*Model
}

// Open loads every version of a model repository, NAME/NUMBER/..., as Triton
// lays it out. A version that fails a check is kept as refused, with the reason;
// the highest admitted one becomes the champion.
func Open(folder string, runtime engine.Runtime, log *slog.Logger) (*Registry, error) {
	names, err := subfolders(folder)
	if err != nil {
		return nil, fmt.Errorf("MODEL_REPOSITORY: %w", err)
	}
	registry := &Registry{models: map[string]*Model{}}
	for _, name := range names {
		model, err := openModel(folder, name, runtime, log)
		if err != nil {
			return nil, errors.Join(err, registry.Close())
		}
		registry.models[name] = model
	}
	return registry, nil
}

// Close frees all versions. No call may be under way.
func (r *Registry) Close() error {
	var failed error
	for _, model := range r.models {
		for _, version := range model.Versions {
			if version.Session != nil {
				failed = errors.Join(failed, version.Session.Close())
			}
		}
	}
	return failed
}

// Ready returns nil when each model has a champion, else what is missing.
func (r *Registry) Ready() error {
	if len(r.models) == 0 {
		return errors.New("the model repository holds no model")
	}
	for _, model := range r.Models() {
		if _, ok := model.Aliases[Champion]; !ok {
			return fmt.Errorf("no version of model %s could be admitted", model.Name)
		}
	}
	return nil
}

// Models returns the models, by name.
func (r *Registry) Models() []*Model {
	return slices.SortedFunc(maps.Values(r.models), func(a, b *Model) int { return cmp.Compare(a.Name, b.Name) })
}

// Model returns a model. ErrModel: there is none of that name.
func (r *Registry) Model(name string) (*Model, error) {
	model, ok := r.models[name]
	if !ok {
		return nil, ErrModel
	}
	return model, nil
}

// Resolve returns the version that answers a call: the numbered one, else the
// one that the alias stands for, else the champion. ErrModel, ErrVersion: there
// is none, or it is refused.
func (r *Registry) Resolve(name string, number int32, alias string) (*Version, error) {
	model, err := r.Model(name)
	if err != nil {
		return nil, err
	}
	if number == 0 {
		var ok bool
		if number, ok = model.Aliases[cmp.Or(alias, Champion)]; !ok {
			return nil, ErrVersion
		}
	}
	version, err := model.Version(number)
	if err != nil {
		return nil, err
	}
	if version.Refusal != nil {
		return nil, ErrVersion
	}
	return version, nil
}

// Version returns a version, a refused one too. ErrVersion: there is none.
func (m *Model) Version(number int32) (*Version, error) {
	at, ok := slices.BinarySearchFunc(m.Versions, number, func(v *Version, n int32) int { return cmp.Compare(v.Number, n) })
	if !ok {
		return nil, ErrVersion
	}
	return m.Versions[at], nil
}

func openModel(repository, name string, runtime engine.Runtime, log *slog.Logger) (*Model, error) {
	folder := filepath.Join(repository, name)
	entries, err := subfolders(folder)
	if err != nil {
		return nil, fmt.Errorf("MODEL_REPOSITORY: %w", err)
	}
	model := &Model{Name: name, Aliases: map[string]int32{}}
	for _, entry := range entries {
		number, err := strconv.ParseInt(entry, 10, 32)
		if err != nil || number < 1 {
			log.Warn("not a version, passed over", "model", name, "folder", entry)
			continue
		}
		model.Versions = append(model.Versions, admit(name, int32(number), filepath.Join(folder, entry), runtime))
	}
	slices.SortFunc(model.Versions, func(a, b *Version) int { return cmp.Compare(a.Number, b.Number) })
	for _, version := range model.Versions {
		if version.Refusal != nil {
			log.Error("version refused", "model", name, "version", version.Number, "reason", version.Refusal)
			continue
		}
		model.Aliases[Champion] = version.Number
		log.Info("version admitted", "model", name, "version", version.Number,
			"revision", version.Package.Revision, "latency_us", version.LatencyUs)
	}
	return model, nil
}

func subfolders(folder string) ([]string, error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, err //nolint:wrapcheck // the caller says which setting it is
	}
	var names []string
	for _, entry := range entries {
		info, err := fs.Stat(os.DirFS(folder), entry.Name()) // through links: volumes are often mounted so
		if err == nil && info.IsDir() && entry.Name()[0] != '.' {
			names = append(names, entry.Name())
		}
	}
	return names, nil
}
