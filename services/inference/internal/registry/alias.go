package registry

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Why an alias is not changed.
var (
	ErrSchema    = errors.New("the version takes or answers something else than the champion")
	ErrNoEarlier = errors.New("the alias stood for nothing before that could be gone back to")
	ErrRemove    = errors.New("a model without a champion could not answer")
)

// Order asks for a change of an alias.
type Order struct {
	Alias   string
	Version int32 // 0 removes the alias
	Force   bool  // promote in spite of ErrSchema
	By      string
	Comment string
}

// SetAlias makes an alias stand for a version, which is loaded if it is not. Calls
// under way end on the version they started with. ErrModel, ErrVersion: there is
// none. ErrRefused: it failed a check. ErrSchema, ErrRemove: see there.
func (r *Registry) SetAlias(ctx context.Context, name string, order Order) (*Model, error) {
	if order.Version != 0 {
		if _, err := r.Load(ctx, name, order.Version); err != nil {
			return nil, err
		}
	} else if order.Alias == Champion {
		return nil, ErrRemove
	}
	return r.changeAlias(name, func(model *Model, _ []Change) (Change, error) {
		if model.Aliases[order.Alias] == order.Version {
			return Change{}, errUnchanged
		}
		kind := Set
		if order.Version == 0 {
			kind = Removed
		}
		differences, err := model.promotion(order)
		if err != nil {
			return Change{}, err
		}
		return Change{
			Alias: order.Alias, Kind: kind, To: order.Version, By: order.By, Comment: order.Comment, Forced: len(differences) > 0,
		}, nil
	})
}

// promotion lists how a version that shall become champion differs from the present
// one. ErrSchema: it does, and nobody forces it.
func (m *Model) promotion(order Order) ([]Difference, error) {
	champion := m.Champion()
	if order.Alias != Champion || champion == nil {
		return nil, nil
	}
	next, err := m.resolve(order.Version, "")
	if err != nil {
		return nil, err
	}
	differences := Differences(&champion.Package.Manifest, &next.Package.Manifest)
	if len(differences) == 0 || order.Force {
		return differences, nil
	}
	parts := make([]string, len(differences))
	for i, difference := range differences {
		parts[i] = difference.String()
	}
	return nil, fmt.Errorf("%w: %s", ErrSchema, strings.Join(parts, "; "))
}

// RollbackAlias makes an alias stand for what it stood for before its last change,
// in one call: the version is loaded if it is not, and no difference of schemas
// stands in the way. ErrNoEarlier: there is nothing to go back to.
func (r *Registry) RollbackAlias(ctx context.Context, name string, order Order) (*Model, error) {
	for {
		changes, err := r.changes(name)
		if err != nil {
			return nil, err
		}
		earlier, err := before(changes, order.Alias)
		if err != nil {
			return nil, err
		}
		if _, err := r.Load(ctx, name, earlier); err != nil {
			return nil, err
		}
		model, err := r.changeAlias(name, func(_ *Model, past []Change) (Change, error) {
			if target, err := before(past, order.Alias); err != nil || target != earlier {
				return Change{}, errors.Join(errMoved, err)
			}
			return Change{Alias: order.Alias, Kind: Rollback, To: earlier, By: order.By, Comment: order.Comment}, nil
		})
		if !errors.Is(err, errMoved) { // somebody changed the alias meanwhile: look again
			return model, err
		}
	}
}

// before is what an alias stood for before its last change.
func before(changes []Change, alias string) (int32, error) {
	list := stood(changes, alias)
	if len(list) < 2 || list[len(list)-2] == 0 { //nolint:mnd // the present one and one before
		return 0, ErrNoEarlier
	}
	return list[len(list)-2], nil
}

var (
	errUnchanged = errors.New("it stands for that already")
	errMoved     = errors.New("the alias was changed meanwhile")
)

// changeAlias keeps a change and then lets it take effect: what is not kept does
// not happen. decide may be called with changes that another copy has kept.
func (r *Registry) changeAlias(name string, decide func(*Model, []Change) (Change, error)) (*Model, error) {
	r.change.Lock()
	defer r.change.Unlock()
	model, err := r.Model(name)
	if err != nil {
		return nil, err
	}
	changes, err := r.journal(name).append(model.Changes, func(past []Change) (Change, error) {
		change, err := decide(model, past)
		if err != nil {
			return Change{}, err
		}
		change.From, change.Time = standing(past)[change.Alias], time.Now().UTC()
		if version, err := model.Version(change.To); err == nil {
			if version.State != Ready {
				return Change{}, ErrVersion // unloaded meanwhile
			}
			change.Revision = version.Revision
		}
		return change, nil
	})
	if errors.Is(err, errUnchanged) {
		return model, nil
	}
	if err != nil {
		return nil, err
	}
	r.update(func(next *state) { next.models[name].adopt(changes) })
	last := changes[len(changes)-1]
	r.options.Logger.Info("alias changed", "model", name, "alias", last.Alias, "kind", last.Kind,
		"from", last.From, "to", last.To, "forced", last.Forced)
	return r.Model(name)
}

// adopt makes the aliases stand for what the changes say. Where that version is
// not ready here, what the alias stood for answers on.
func (m *Model) adopt(changes []Change) {
	wanted := standing(changes)
	for alias := range m.Aliases {
		if _, ok := wanted[alias]; !ok {
			delete(m.Aliases, alias)
		}
	}
	for alias, number := range wanted {
		if version, err := m.Version(number); err == nil && version.State == Ready {
			m.Aliases[alias] = number
		}
	}
	m.Changes = changes
}

// follow makes the aliases stand for what is kept. Where nothing is, wanted holds;
// and where that names no champion, the newest version that was admitted is it.
func (r *Registry) follow(name string, wanted map[string]int32) error {
	changes, err := r.changes(name)
	if err != nil {
		return err
	}
	if len(changes) > 0 {
		r.locked(func(next *state) { next.models[name].adopt(changes) })
		r.warnOfOthers(name, changes)
		return nil
	}
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
		_, err := r.changeAlias(name, func(*Model, []Change) (Change, error) {
			return Change{Alias: alias, Kind: Initial, To: first[alias], By: "futurisys"}, nil
		})
		if err != nil && !errors.Is(err, ErrVersion) { // it is not ready: said where it was refused
			return err
		}
	}
	return nil
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
