package registry

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gofrs/flock"
	"github.com/google/renameio/v2"
)

// ChangeKind says what happened to an alias.
type ChangeKind string

// The kinds of changes.
const (
	Initial  ChangeKind = "initial" // nobody had said what it stands for
	Set      ChangeKind = "set"
	Rollback ChangeKind = "rollback"
	Removed  ChangeKind = "removed"
)

// Change is one change of an alias.
type Change struct {
	Alias    string     `json:"alias"`
	Kind     ChangeKind `json:"kind"`
	From     int32      `json:"from,omitempty"` // 0: nothing
	To       int32      `json:"to,omitempty"`   // 0: nothing
	Revision string     `json:"revision,omitempty"`
	By       string     `json:"by,omitempty"`
	Comment  string     `json:"comment,omitempty"`
	Forced   bool       `json:"forced,omitempty"`
	Time     time.Time  `json:"time"`
}

// journal is the list of all changes of a model's aliases, in a file that copies
// of the service may share. What the aliases stand for, and what they stood for
// before, follows from it.
type journal struct {
	path string // empty: nothing is kept
}

type journalFile struct {
	Changes []Change `json:"changes"`
}

// journal is that of a model of this repository: numbers mean other versions in
// another one, or under another pin.
func (r *Registry) journal(model string) journal {
	if r.options.StateFolder == "" {
		return journal{}
	}
	folder := strings.NewReplacer("://", "--", "/", "--").Replace(r.options.Repository.Name())
	return journal{path: filepath.Join(r.options.StateFolder, folder, model+".aliases.json")}
}

// read returns the changes, the oldest first.
func (j journal) read() ([]Change, error) {
	data, err := os.ReadFile(j.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("MODEL_STATE_DIR: read the aliases: %w", err)
	}
	var file journalFile
	if err := json.Unmarshal(data, &file); err != nil {
		return nil, fmt.Errorf("MODEL_STATE_DIR: %s cannot be read: %w", filepath.Base(j.path), err)
	}
	return file.Changes, nil
}

// append adds one change to what is kept, whoever kept it, and returns all. past
// are the changes where nothing is kept.
func (j journal) append(past []Change, next func(past []Change) (Change, error)) ([]Change, error) {
	if j.path != "" {
		if err := os.MkdirAll(filepath.Dir(j.path), 0o755); err != nil {
			return nil, fmt.Errorf("MODEL_STATE_DIR: %w", err)
		}
		lock := flock.New(j.path + ".lock")
		if err := lock.Lock(); err != nil {
			return nil, fmt.Errorf("MODEL_STATE_DIR: %w", err)
		}
		defer lock.Close()
		var err error
		if past, err = j.read(); err != nil {
			return nil, err
		}
	}
	change, err := next(past)
	if err != nil {
		return nil, err
	}
	all := slices.Concat(past, []Change{change})
	if j.path == "" {
		return all, nil
	}
	data, err := json.MarshalIndent(journalFile{Changes: all}, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("MODEL_STATE_DIR: %w", err)
	}
	if err := renameio.WriteFile(j.path, append(data, '\n'), 0o644); err != nil {
		return nil, fmt.Errorf("MODEL_STATE_DIR: %w", err)
	}
	return all, nil
}

// stood lists what an alias stands for, last, and what it stood for before that,
// as far as a rollback can still go.
func stood(changes []Change, alias string) []int32 {
	var out []int32
	for _, change := range changes {
		switch {
		case change.Alias != alias:
		case change.Kind == Rollback:
			out = out[:max(len(out)-1, 0)]
		default:
			out = append(out, change.To)
		}
	}
	return out
}

// standing is what each alias stands for.
func standing(changes []Change) map[string]int32 {
	out := map[string]int32{}
	for _, change := range changes {
		if change.To == 0 {
			delete(out, change.Alias)
			continue
		}
		out[change.Alias] = change.To
	}
	return out
}
