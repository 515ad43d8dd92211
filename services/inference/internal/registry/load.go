package registry

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/futurisys/futurisys/services/inference/internal/repository"
	"github.com/futurisys/futurisys/services/platform/guarded"
)

// Why a version is not loaded or unloaded.
var (
	ErrRefused = errors.New("the version is refused")
	ErrInUse   = errors.New("an alias stands for the version")
)

// admit lets one admission in at a time; call the result when it is over.
func (r *Registry) admit(ctx context.Context) (func(), error) {
	select {
	case <-ctx.Done():
		return nil, ctx.Err() //nolint:wrapcheck // it is closed
	case r.admission <- struct{}{}:
		return func() { <-r.admission }, nil
	}
}

// outlive does work that goes on when the caller goes away: a download that takes longer
// than a request may would otherwise never end. Callers with the same key wait for the
// same work.
func outlive[T any](ctx context.Context, r *Registry, key string, work func(context.Context) (T, error)) (T, error) {
	var none T
	done := r.flights.DoChan(key, func() (any, error) {
		var out T
		err := guarded.Call(func() (err error) {
			out, err = work(r.lifetime)
			return err
		})
		return out, err //nolint:wrapcheck // the work's own
	})
	select {
	case result := <-done:
		if result.Err != nil {
			return none, result.Err
		}
		return result.Val.(T), nil //nolint:forcetypeassert // it was made so above
	case <-ctx.Done():
		return none, ctx.Err() //nolint:wrapcheck // the caller went away
	}
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

// Load loads a version that the repository has, unless it is loaded. ErrModel,
// ErrVersion: there is none. ErrRefused: it failed a check.
func (r *Registry) Load(ctx context.Context, name string, number int32) (*Version, error) {
	version, err := r.version(name, number)
	if err != nil || version.State == Ready {
		return version, err
	}
	key := name + "/" + strconv.Itoa(int(number))
	return outlive(ctx, r, key, func(ctx context.Context) (*Version, error) { return r.loadKnown(ctx, name, number) })
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
