// Package registry holds the versions of the models: which there are, which are
// loaded, which one answers a call, and how that changes without a failed call.
package registry

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/futurisys/futurisys/services/inference/internal/engine"
	"github.com/futurisys/futurisys/services/inference/internal/repository"
)

// Champion is the alias of the version that answers when none is named.
const Champion = "champion"

// Errors of a look-up.
var (
	ErrLoading = errors.New("the models are being loaded")
	ErrModel   = errors.New("no such model")
	ErrVersion = errors.New("no such version")
)

// Options say how a registry works.
type Options struct {
	Repository repository.Repository
	Runtime    engine.Runtime
	// Journal keeps who set which alias when; nil: it is kept for this run.
	Journal Journal
	// MaxLoaded is how many versions of a model are loaded by themselves: those
	// with an alias, then the newest.
	MaxLoaded int
	// MemoryBudget is by how many bytes loading one version may make the process grow.
	MemoryBudget int64
	Logger       *slog.Logger
}

// Registry holds the models. Calls read what stands at the moment, without a lock;
// a change puts another state in its place.
type Registry struct {
	options Options
	// lifetime ends with Close, and with it what is being loaded.
	lifetime context.Context
	end      context.CancelFunc
	closed   sync.Once
	works    sync.WaitGroup     // what is done beside the calls
	flights  singleflight.Group // looks and loads that calls wait for
	current  atomic.Pointer[state]
	// admission lets in one look at the repository, and one load, at a time: they
	// take long, and measure.
	admission chan struct{}
	// change lets in one change of the state at a time: they are short.
	change sync.Mutex
	// unloaded are the versions that somebody unloaded: they are not loaded again
	// by themselves.
	unloaded map[string]map[int32]bool
}

// Source says how the repository was at the last look.
type Source struct {
	Repository string
	FromCache  bool
	Reason     string // what is not well; empty: nothing
	Time       time.Time
}

// New returns a registry that has nothing yet: Refresh fills it.
func New(options Options) *Registry {
	if options.Journal == nil {
		options.Journal = newMemoryJournal()
	}
	registry := &Registry{options: options, admission: make(chan struct{}, 1), unloaded: map[string]map[int32]bool{}}
	registry.lifetime, registry.end = context.WithCancel(context.Background())
	registry.current.Store(&state{models: map[string]*Model{}, source: Source{Repository: options.Repository.Name()}})
	return registry
}

// Close ends what is being loaded and frees all versions: each when its last call
// ends.
func (r *Registry) Close() { r.closed.Do(r.close) }

func (r *Registry) close() {
	r.end()
	r.admission <- struct{}{} // for good: nothing is admitted any more
	r.works.Wait()
	r.change.Lock()
	defer r.change.Unlock()
	old := r.current.Swap(&state{models: map[string]*Model{}, source: r.current.Load().source})
	for _, model := range old.models {
		for _, version := range model.Versions {
			if version.State == Ready {
				version.lease.release()
			}
		}
	}
}

// Ready returns nil when each model whose aliases somebody has decided has its champion,
// and there is one, else what is missing. A model that never had a version fit to serve
// takes nothing from the others: Problems says it.
func (r *Registry) Ready() error {
	now := r.current.Load()
	if !now.refreshed {
		if now.failed != nil {
			return fmt.Errorf("the models could not be loaded: %w", now.failed)
		}
		return errors.Join(ErrLoading, now.source.problem())
	}
	if len(now.models) == 0 {
		return errors.Join(errors.New("the model repository holds no model"), now.source.problem())
	}
	served, problem := false, error(nil)
	for _, name := range slices.Sorted(maps.Keys(now.models)) {
		model := now.models[name]
		if _, ok := model.Aliases[Champion]; ok {
			served = true
			continue
		}
		if len(model.Changes) > 0 {
			return model.noChampion()
		}
		problem = cmp.Or(problem, model.noChampion())
	}
	if !served {
		return problem
	}
	return nil
}

// Problems says, by model, why it does not answer.
func (r *Registry) Problems() map[string]error {
	out := map[string]error{}
	for _, model := range r.Models() {
		if _, ok := model.Aliases[Champion]; !ok {
			out[model.Name] = model.noChampion()
		}
	}
	return out
}

// Source says how the repository was at the last look.
func (r *Registry) Source() Source { return r.current.Load().source }

// Models returns the models, by name.
func (r *Registry) Models() []*Model {
	return slices.SortedFunc(maps.Values(r.current.Load().models), func(a, b *Model) int { return cmp.Compare(a.Name, b.Name) })
}

// Model returns a model. ErrModel: there is none of that name. ErrLoading: it is
// not known yet.
func (r *Registry) Model(name string) (*Model, error) { return r.current.Load().model(name) }

// Acquire returns the version that answers a call: the numbered one, else the one
// that the alias stands for, else the champion. The caller releases it; until then
// it can score, whatever happens to the version. ErrModel, ErrVersion: there is
// none, or it is not ready. ErrLoading: not yet.
func (r *Registry) Acquire(name string, number int32, alias string) (*Version, error) {
	for {
		now := r.current.Load()
		model, err := now.model(name)
		if err != nil {
			return nil, err
		}
		version, err := model.resolve(number, alias)
		if err != nil && !now.refreshed {
			return nil, ErrLoading
		}
		if err != nil {
			return nil, err
		}
		if version.lease.acquire() {
			return version, nil
		}
		// It was unloaded since: the state that says so is in place already.
	}
}

func (s Source) problem() error {
	if s.Reason == "" {
		return nil
	}
	return errors.New(s.Reason)
}
