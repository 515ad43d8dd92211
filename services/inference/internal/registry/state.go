package registry

import (
	"maps"
	"slices"

	"github.com/futurisys/futurisys/services/inference/internal/repository"
)

// state is all that calls read. It is never changed.
type state struct {
	models map[string]*Model
	source Source
	// refreshed says that the repository was read once, and what it had was tried.
	refreshed bool
	failed    error // of the last look at the repository, or at the journal of aliases
}

func (s *state) model(name string) (*Model, error) {
	if model, ok := s.models[name]; ok {
		return model, nil
	}
	if !s.refreshed {
		return nil, ErrLoading
	}
	return nil, ErrModel
}

// locked changes the state while no other change is under way.
func (r *Registry) locked(edit func(next *state)) {
	r.change.Lock()
	defer r.change.Unlock()
	r.update(edit)
}

// update puts another state in the place of the present one. edit changes a copy,
// whose models and their versions and aliases are copies as well.
func (r *Registry) update(edit func(next *state)) {
	now := r.current.Load()
	next := &state{models: make(map[string]*Model, len(now.models)), source: now.source, refreshed: now.refreshed, failed: now.failed}
	for name, model := range now.models {
		next.models[name] = &Model{
			Name: name, Versions: slices.Clone(model.Versions), Aliases: maps.Clone(model.Aliases), Changes: slices.Clone(model.Changes),
			Applied: model.Applied,
		}
	}
	edit(next)
	r.current.Store(next)
}

// put sets a version in its place.
func (s *state) put(version *Version) {
	model, ok := s.models[version.Model]
	if !ok {
		model = &Model{Name: version.Model, Aliases: map[string]int32{}}
		s.models[version.Model] = model
	}
	at, found := model.find(version.Number)
	if found {
		model.Versions[at] = version
		return
	}
	model.Versions = slices.Insert(model.Versions, at, version)
}

// enlist makes the candidates known, and forgets what the repository has no longer,
// but for what is loaded.
func (s *state) enlist(name string, candidates []repository.Candidate) {
	listed := map[int32]bool{}
	for _, candidate := range candidates {
		listed[candidate.Number] = true
		if model, ok := s.models[name]; ok {
			version, err := model.Version(candidate.Number)
			if err == nil && (version.State == Ready || version.Revision == candidate.Revision) {
				continue
			}
		}
		s.put(known(candidate))
	}
	model := s.models[name]
	model.Versions = slices.DeleteFunc(model.Versions, func(v *Version) bool { return v.State != Ready && !listed[v.Number] })
}
