package registry

import (
	"context"
	"errors"
	"fmt"
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
// under way end on the version they started with. lagging are the copies of the service
// that had not taken it over in time. ErrModel, ErrVersion: there is none. ErrRefused: it
// failed a check. ErrSchema, ErrRemove, ErrJournal: see there.
func (r *Registry) SetAlias(ctx context.Context, name string, order Order) (model *Model, lagging []string, err error) {
	if order.Version != 0 {
		if _, err := r.Load(ctx, name, order.Version); err != nil {
			return nil, nil, err
		}
	} else if order.Alias == Champion {
		return nil, nil, ErrRemove
	}
	return r.changeAlias(ctx, name, func(model *Model, past []Change) (Change, error) {
		if currentAliases(past)[order.Alias] == order.Version {
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
func (r *Registry) RollbackAlias(ctx context.Context, name string, order Order) (model *Model, lagging []string, err error) {
	for {
		changes, err := r.options.Journal.Read(ctx, name)
		if err != nil {
			return nil, nil, err //nolint:wrapcheck // it says all there is to say
		}
		earlier, err := before(changes, order.Alias)
		if err != nil {
			return nil, nil, err
		}
		if _, err := r.Load(ctx, name, earlier); err != nil {
			return nil, nil, err
		}
		model, lagging, err := r.changeAlias(ctx, name, func(_ *Model, past []Change) (Change, error) {
			if target, err := before(past, order.Alias); err != nil || target != earlier {
				return Change{}, errors.Join(errTarget, err)
			}
			return Change{Alias: order.Alias, Kind: Rollback, To: earlier, By: order.By, Comment: order.Comment}, nil
		})
		if !errors.Is(err, errTarget) { // somebody changed the alias meanwhile: look again
			return model, lagging, err
		}
	}
}

// before is what an alias stood for before its last change.
func before(changes []Change, alias string) (int32, error) {
	list := aliasHistory(changes, alias)
	if len(list) < 2 || list[len(list)-2] == 0 { //nolint:mnd // the present one and one before
		return 0, ErrNoEarlier
	}
	return list[len(list)-2], nil
}

var (
	errUnchanged = errors.New("it stands for that already")
	errTarget    = errors.New("another version stood before")
)

// changeAlias keeps a change, lets it take effect here, and waits for the other copies:
// what is not kept does not happen. decide may be called again with changes that another
// copy has kept meanwhile.
func (r *Registry) changeAlias(ctx context.Context, name string, decide func(*Model, []Change) (Change, error)) (model *Model, lagging []string, err error) {
	changes, err := r.appendChange(ctx, name, decide)
	if errors.Is(err, errUnchanged) {
		model, err = r.Model(name)
		return model, nil, err
	}
	if err != nil {
		return nil, nil, err
	}
	if err := r.apply(ctx, name, changes); err != nil {
		return nil, nil, err
	}
	last := changes[len(changes)-1]
	r.options.Logger.InfoContext(ctx, "alias changed", "model", name, "alias", last.Alias, "kind", last.Kind,
		"from", last.From, "to", last.To, "forced", last.Forced, "entry", len(changes))
	lagging = r.options.Journal.Await(ctx, name, len(changes))
	if len(lagging) > 0 {
		r.options.Logger.WarnContext(ctx, "copies of the service have not taken the change over", "model", name, "entry", len(changes), "copies", lagging)
	}
	model, err = r.Model(name)
	return model, lagging, err
}

// appendChange puts a change into the journal and returns the whole journal.
func (r *Registry) appendChange(ctx context.Context, name string, decide func(*Model, []Change) (Change, error)) ([]Change, error) {
	for {
		past, err := r.options.Journal.Read(ctx, name)
		if err != nil {
			return nil, err //nolint:wrapcheck // it says all there is to say
		}
		model, err := r.Model(name)
		if err == nil && len(past) > model.Applied {
			if err = r.apply(ctx, name, past); err == nil {
				model, err = r.Model(name)
			}
		}
		if err != nil {
			return nil, err
		}
		change, err := decide(model, past)
		if err != nil {
			return nil, err
		}
		change.From, change.Time = currentAliases(past)[change.Alias], time.Now().UTC().Truncate(time.Microsecond)
		if version, err := model.Version(change.To); err == nil {
			if version.State != Ready {
				return nil, ErrVersion // unloaded meanwhile
			}
			change.Revision = version.Revision
		}
		err = r.options.Journal.Append(ctx, name, len(past), change)
		if errors.Is(err, ErrMoved) {
			continue
		}
		return slices.Concat(past, []Change{change}), err //nolint:wrapcheck // it says all there is to say
	}
}
