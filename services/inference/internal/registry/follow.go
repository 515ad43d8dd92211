package registry

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// apply loads what the aliases stand for by the changes, and lets them stand for it. An
// error is why a version of them is not loaded; what its alias stood for answers on.
func (r *Registry) apply(ctx context.Context, name string, changes []Change) error {
	var failed error
	for _, number := range currentAliases(changes) {
		if _, err := r.Load(ctx, name, number); err != nil {
			failed = errors.Join(failed, fmt.Errorf("version %d: %w", number, err))
		}
	}
	r.adopt(name, changes)
	return failed
}

// adopt makes the aliases stand for what the changes say, unless they follow more already.
func (r *Registry) adopt(name string, changes []Change) {
	r.locked(func(next *state) {
		if model, ok := next.models[name]; ok && len(changes) >= model.Applied {
			model.adopt(changes)
		}
	})
}

// adopt makes the aliases stand for what the changes say. Where that version is
// not ready here, what the alias stood for answers on.
func (m *Model) adopt(changes []Change) {
	wanted := currentAliases(changes)
	for alias := range m.Aliases {
		if _, ok := wanted[alias]; !ok {
			delete(m.Aliases, alias)
		}
	}
	complete := true
	for alias, number := range wanted {
		if version, err := m.Version(number); err == nil && version.State == Ready {
			m.Aliases[alias] = number
		} else {
			complete = false
		}
	}
	m.Changes = changes
	if complete {
		m.Applied = len(changes)
	}
}

// follow makes the aliases stand for what is kept. Where nothing is, wanted holds;
// and where that names no champion, the newest version that was admitted is it.
func (r *Registry) follow(ctx context.Context, name string, wanted map[string]int32) error {
	changes, err := r.options.Journal.Read(ctx, name)
	if err != nil {
		return err //nolint:wrapcheck // it says all there is to say
	}
	if len(changes) == 0 {
		return r.initialise(ctx, name, wanted)
	}
	r.adopt(name, changes)
	r.warnOfOthers(name, changes)
	return nil
}

// initialise decides what nobody has decided. Of several copies at once one does.
func (r *Registry) initialise(ctx context.Context, name string, wanted map[string]int32) error {
	model, err := r.Model(name)
	if err != nil {
		return err
	}
	first := maps.Clone(wanted)
	if first == nil {
		first = map[string]int32{}
	}
	if first[Champion] == 0 {
		for _, version := range slices.Backward(model.Versions) {
			if version.State == Ready {
				first[Champion] = version.Number
				break
			}
		}
	}
	for _, alias := range slices.Sorted(maps.Keys(first)) {
		if first[alias] == 0 {
			continue
		}
		changes, err := r.appendChange(ctx, name, func(_ *Model, past []Change) (Change, error) {
			if slices.ContainsFunc(past, func(c Change) bool { return c.Kind != Initial || c.Alias == alias }) {
				return Change{}, errUnchanged // another copy decided meanwhile
			}
			return Change{Alias: alias, Kind: Initial, To: first[alias], By: "futurisys"}, nil
		})
		switch {
		case errors.Is(err, errUnchanged):
			if changes, err = r.options.Journal.Read(ctx, name); err != nil {
				return err //nolint:wrapcheck // it says all there is to say
			}
		case errors.Is(err, ErrVersion): // it is not ready: said where it was refused
			continue
		case err != nil:
			return err
		}
		r.adopt(name, changes)
	}
	return nil
}

// Follow takes over what the journals say by now, of the models that are known here. It
// is for what other copies of the service have changed.
func (r *Registry) Follow(ctx context.Context) error {
	var failed error
	for _, model := range r.Models() {
		changes, err := r.options.Journal.Read(ctx, model.Name)
		if err != nil {
			return err //nolint:wrapcheck // it says all there is to say
		}
		if len(changes) == 0 || len(changes) == model.Applied && len(model.Changes) == len(changes) {
			continue // nothing is decided, or nothing is new
		}
		if err := r.apply(ctx, model.Name, changes); err != nil {
			failed = errors.Join(failed, fmt.Errorf("model %s: %w", model.Name, err))
			continue
		}
		last := changes[len(changes)-1]
		r.options.Logger.Info("alias followed", "model", model.Name, "alias", last.Alias, "to", last.To, "entry", len(changes))
	}
	return failed
}

// Applied is, by model, how many changes of aliases the answers follow.
func (r *Registry) Applied() map[string]int32 {
	out := map[string]int32{}
	for _, model := range r.Models() {
		out[model.Name] = int32(model.Applied)
	}
	return out
}

// warnOfOthers says where an alias stands for a version whose content is another
// than when it was set, or that is not ready.
func (r *Registry) warnOfOthers(name string, changes []Change) {
	model, err := r.Model(name)
	if err != nil {
		return
	}
	last := map[string]Change{}
	for _, change := range changes {
		last[change.Alias] = change
	}
	for alias, change := range last {
		if change.To == 0 {
			continue
		}
		version, err := model.Version(change.To)
		log := r.options.Logger.With("model", name, "alias", alias, "version", change.To)
		switch {
		case err != nil || version.State != Ready:
			log.Error("the alias stands for a version that is not ready")
		case change.Revision != "" && change.Revision != version.Revision:
			log.Warn("the alias was set for another content of this version", "then", change.Revision, "now", version.Revision)
		}
	}
}
