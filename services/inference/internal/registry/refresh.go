package registry

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/futurisys/futurisys/services/inference/internal/repository"
)

// ErrSource says that the repository could not be read.
var ErrSource = errors.New("the model repository cannot be read")

// refreshKey is the key of a look at the repository; those of loads have a slash.
const refreshKey = "refresh"

// Refresh looks at the repository, loads what is new, and lets the aliases follow
// what other copies of the service have set. What serves goes on, whatever is
// found, and the work goes on when the caller goes away. ErrSource: the repository
// could not be read.
func (r *Registry) Refresh(ctx context.Context) error {
	_, err := outlive(ctx, r, refreshKey, func(ctx context.Context) (struct{}, error) { return struct{}{}, r.refresh(ctx) })
	return err
}

func (r *Registry) refresh(ctx context.Context) error {
	listing, failed, err := r.loadListed(ctx)
	if err != nil {
		return err
	}
	// No load may be under way here: an alias may stand for a version that is still to load.
	for _, name := range models(listing) {
		if failed[name] == nil {
			failed[name] = r.follow(ctx, name, listing.Aliases[name])
		}
	}
	err = errors.Join(slices.Collect(maps.Values(failed))...)
	r.locked(func(next *state) { next.refreshed, next.failed = next.refreshed || err == nil, err })
	return err
}

// loadListed loads what the repository has and is to be loaded. failed says by model what
// kept its versions from being tried.
func (r *Registry) loadListed(ctx context.Context) (listing *repository.Listing, failed map[string]error, err error) {
	leave, err := r.admit(ctx)
	if err != nil {
		return nil, nil, err
	}
	defer leave()
	r.flights.Forget(refreshKey) // who asks from now on may know of what is not in this listing
	if listing, err = r.options.Repository.List(ctx); err != nil {
		r.note(Source{Reason: err.Error()})
		return nil, nil, fmt.Errorf("%w: %w", ErrSource, err)
	}
	r.note(Source{FromCache: listing.FromCache, Reason: strings.Join(append(r.changed(listing), listing.Reason), "; ")})
	failed = map[string]error{}
	for _, name := range models(listing) {
		candidates := slices.DeleteFunc(slices.Clone(listing.Candidates), func(c repository.Candidate) bool { return c.Model != name })
		failed[name] = r.loadModel(ctx, name, candidates, listing.Aliases[name])
	}
	return listing, failed, nil
}

// models are the names of the models of a listing, in order.
func models(listing *repository.Listing) []string {
	names := make([]string, 0, len(listing.Candidates))
	for _, candidate := range listing.Candidates {
		names = append(names, candidate.Model)
	}
	slices.Sort(names)
	return slices.Compact(names)
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
		log.Warn("the Hub is unavailable: models are served from the cache")
	case found.Reason != "":
		log.Error("model repository")
	default:
		log.Info("the model repository is available again")
	}
}

func (r *Registry) loadModel(ctx context.Context, name string, candidates []repository.Candidate, wanted map[string]int32) error {
	changes, err := r.options.Journal.Read(ctx, name)
	unknown := errors.Is(err, ErrJournal) // what can be is loaded all the same
	if err != nil && !unknown {
		return err //nolint:wrapcheck // it says all there is to say
	}
	aliases := currentAliases(changes)
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
	return nil
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
