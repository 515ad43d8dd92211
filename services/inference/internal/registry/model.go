package registry

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
)

// Model is a model with its versions, as they stand at one moment.
type Model struct {
	Name     string
	Versions []*Version       // ascending
	Aliases  map[string]int32 // to versions that are ready
	Changes  []Change         // of aliases, the oldest first
	// Applied is how many of the changes the aliases follow: fewer where a version that
	// one of them should stand for is not ready here.
	Applied int
}

func (m *Model) resolve(number int32, alias string) (*Version, error) {
	if number == 0 {
		var ok bool
		if number, ok = m.Aliases[cmp.Or(alias, Champion)]; !ok {
			return nil, ErrVersion
		}
	}
	version, err := m.Version(number)
	if err != nil {
		return nil, err
	}
	if version.State != Ready {
		return nil, ErrVersion
	}
	return version, nil
}

// Version returns a version, whatever its state. ErrVersion: there is none.
func (m *Model) Version(number int32) (*Version, error) {
	at, ok := m.find(number)
	if !ok {
		return nil, ErrVersion
	}
	return m.Versions[at], nil
}

// Champion is the version that answers when none is named; nil: none is ready.
func (m *Model) Champion() *Version {
	champion, err := m.resolve(0, Champion)
	if err != nil {
		return nil
	}
	return champion
}

func (m *Model) find(number int32) (int, bool) {
	return slices.BinarySearchFunc(m.Versions, number, func(v *Version, n int32) int { return cmp.Compare(v.Number, n) })
}

// problem says why versions of the model are refused, the newest first.
func (m *Model) problem() error {
	for _, version := range slices.Backward(m.Versions) {
		if version.State == Refused {
			return fmt.Errorf("version %d: %w", version.Number, version.Refusal)
		}
	}
	return nil
}

func (m *Model) noChampion() error {
	return errors.Join(fmt.Errorf("model %s has no champion that is ready", m.Name), m.problem())
}
