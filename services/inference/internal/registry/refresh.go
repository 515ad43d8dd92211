package registry

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/futurisys/futurisys/services/inference/internal/repository"
)

// Why a version is not loaded or unloaded.
var (
	ErrSource  = errors.New("the model repository cannot be read")
	ErrRefused = errors.New("the version is refused")
	ErrInUse   = errors.New("an alias stands for the version")
)

// Refresh looks at the repository, loads what is new, and lets the aliases follow
// what other copies of the service have set. What serves goes on, whatever is
// found, and the work goes on when the caller goes away. ErrSource: the repository
// could not be read.
func (r *Registry) Refresh(ctx context.Context) error { return r.outlive(ctx, r.refresh) }

func (r *Registry) refresh(ctx context.Context) error {
	leave, err := r.admit(ctx)
	if err != nil {
		return err
	}
	defer leave()
	listing, err := r.options.Repository.List(ctx)
	if err != nil {
		r.note(Source{Reason: err.Error()})
		return fmt.Errorf("%w: %w", ErrSource, err)
	}
	r.note(Source{FromCache: listing.FromCache, Reason: strings.Join(append(r.changed(listing), listing.Reason), "; ")})
	byModel := map[string][]repository.Candidate{}
	for _, candidate := range listing.Candidates {
		byModel[candidate.Model] = append(byModel[candidate.Model], candidate)
	}
	var failed error
	for model, candidates := range byModel {
		failed = errors.Join(failed, r.refreshModel(ctx, model, candidates, listing.Aliases[model]))
	}
	if failed == nil {
		r.locked(func(next *state) { next.refreshed = true })
	}
	return failed
}

// changed says which loaded versions have another content in the repository by now.
// They serve on as they are: a version never changes.
func (r *Registry) changed(listing *repository.Listing) []string {
	var out []string
	for _, candidate := range listing.Candidates {
		version, err := r.version(candidate.Model, candidate.Number)
		if err == nil && version.State == Ready && version.Revision != candidate.Revision {
			out = append(out, fmt.Sprintf("version %d of %s was changed from %s to %s: the loaded one serves on; give a change a new version",
				candidate.Number, candidate.Model, version.Revision, candidate.Revision))
		}
	}
	return out
}

// note keeps how the repository was found, and says so in the log when it changed.
func (r *Registry) note(found Source) {
	found.Reason = strings.Trim(found.Reason, "; ")
	found.Repository, found.Time = r.options.Repository.Name(), time.Now().UTC()
	before := r.Source()
	r.locked(func(next *state) { next.source = found })
	switch log := r.options.Logger.With("repository", found.Repository, "reason", found.Reason); {
	case found.Reason == before.Reason && found.FromCache == before.FromCache:
	case found.FromCache:
		log.Warn("the Hub is away: models are served from the cache")
	case found.Reason != "":
		log.Error("model repository")
	default:
		log.Info("the model repository is well again")
	}
}

func (r *Registry) refreshModel(ctx context.Context, name string, candidates []repository.Candidate, wanted map[string]int32) error {
	changes, err := r.options.Journal.Read(ctx, name)
	unknown := errors.Is(err, ErrJournal) // what can be is loaded all the same
	if err != nil && !unknown {
		return err //nolint:wrapcheck // it says all there is to say
	}
	aliases := standing(changes)
	if len(aliases) == 0 {
		aliases = wanted
	}
	r.locked(func(next *state) {
		next.enlist(name, candidates)
		if !unknown {
			next.models[name].Changes = changes
		}
	})
	for _, candidate := range r.toLoad(name, candidates, aliases) {
		if _, err := r.load(ctx, candidate); err != nil && !errors.Is(err, ErrRefused) {
			return err
		}
	}
	return r.follow(ctx, name, wanted)
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

// toLoad are the candidates that should be loaded and are not: those with an alias,
// then the newest, as many as the options say. Those with an alias come first.
func (r *Registry) toLoad(name string, candidates []repository.Candidate, aliases map[string]int32) []repository.Candidate {
	hasAlias := map[int32]bool{}
	for _, number := range aliases {
		hasAlias[number] = true
	}
	ordered := slices.Clone(candidates)
	slices.SortFunc(ordered, func(a, b repository.Candidate) int {
		if hasAlias[a.Number] != hasAlias[b.Number] {
			if hasAlias[a.Number] {
				return -1
			}
			return 1
		}
		return cmp.Compare(b.Number, a.Number)
	})
	most := max(r.options.MaxLoaded, len(hasAlias))
	ordered = ordered[:min(len(ordered), most)]
	r.change.Lock()
	defer r.change.Unlock()
	model := r.current.Load().models[name]
	return slices.DeleteFunc(ordered, func(c repository.Candidate) bool {
		version, err := model.Version(c.Number)
		return err != nil || version.State == Ready || r.unloaded[name][c.Number] && !hasAlias[c.Number]
	})
}

// load checks a candidate and puts it in its place. The admission is held.
// ErrRefused: it failed a check.
func (r *Registry) load(ctx context.Context, candidate repository.Candidate) (*Version, error) {
	var before *Version
	r.locked(func(next *state) {
		if model, ok := next.models[candidate.Model]; ok {
			before, _ = model.Version(candidate.Number)
		}
		loading := known(candidate)
		loading.State = Loading
		next.put(loading)
	})
	version := r.check(ctx, candidate)
	if ctx.Err() != nil && version.State == Refused { // given up, not refused
		version = known(candidate)
	}
	r.locked(func(next *state) { next.put(version) })
	log := r.options.Logger.With("model", version.Model, "version", version.Number, "tag", version.Tag, "revision", version.Revision)
	switch {
	case ctx.Err() != nil && version.State == Available:
		return version, ctx.Err() //nolint:wrapcheck // the caller went away
	case version.State == Ready:
		log.Info("version admitted", "latency_us", version.LatencyUs, "memory_bytes", version.MemoryBytes)
		return version, nil
	case before == nil || before.State != Refused || before.Refusal.Error() != version.Refusal.Error():
		log.Error("version refused", "reason", version.Refusal)
	}
	return version, fmt.Errorf("%w: %w", ErrRefused, version.Refusal)
}

// locked changes the state while no other change is under way.
func (r *Registry) locked(edit func(next *state)) {
	r.change.Lock()
	defer r.change.Unlock()
	r.update(edit)
}

// Load loads a version that the repository has, unless it is loaded. ErrModel,
// ErrVersion: there is none. ErrRefused: it failed a check.
func (r *Registry) Load(ctx context.Context, name string, number int32) (*Version, error) {
	version, err := r.version(name, number)
	if err != nil || version.State == Ready {
		return version, err
	}
	err = r.outlive(ctx, func(ctx context.Context) error {
		var err error
		version, err = r.loadKnown(ctx, name, number)
		return err
	})
	if err != nil {
		return nil, err
	}
	return version, nil
}

func (r *Registry) loadKnown(ctx context.Context, name string, number int32) (*Version, error) {
	leave, err := r.admit(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	version, err := r.version(name, number)
	if err != nil || version.State == Ready { // somebody else loaded it meanwhile
		return version, err
	}
	r.change.Lock()
	delete(r.unloaded[name], number)
	r.change.Unlock()
	return r.load(ctx, version.Candidate)
}

func (r *Registry) version(name string, number int32) (*Version, error) {
	model, err := r.Model(name)
	if err != nil {
		return nil, err
	}
	return model.Version(number)
}

// Unload frees a version once its last call has ended. ErrModel, ErrVersion: there
// is none, or it is not loaded. ErrInUse: an alias stands for it.
func (r *Registry) Unload(name string, number int32) (*Version, error) {
	r.change.Lock()
	defer r.change.Unlock()
	model, err := r.Model(name)
	if err != nil {
		return nil, err
	}
	old, err := model.Version(number)
	if err != nil {
		return nil, err
	}
	for alias, standsFor := range model.Aliases {
		if standsFor == number {
			return nil, fmt.Errorf("%w: %s", ErrInUse, alias)
		}
	}
	if old.State != Ready {
		return old, nil
	}
	if r.unloaded[name] == nil {
		r.unloaded[name] = map[int32]bool{}
	}
	r.unloaded[name][number] = true
	unloaded := known(old.Candidate)
	unloaded.Package = old.Package
	r.update(func(next *state) { next.put(unloaded) })
	old.lease.release()
	r.options.Logger.Info("version unloaded", "model", name, "version", number)
	return unloaded, nil
}
