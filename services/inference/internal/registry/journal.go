package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gofrs/flock"
	"github.com/google/renameio/v2"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
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

// Message is the kind in the API.
func (k ChangeKind) Message() futurisysv1.AliasChangeKind {
	switch k {
	case Initial:
		return futurisysv1.AliasChangeKind_ALIAS_CHANGE_KIND_INITIAL
	case Rollback:
		return futurisysv1.AliasChangeKind_ALIAS_CHANGE_KIND_ROLLBACK
	case Removed:
		return futurisysv1.AliasChangeKind_ALIAS_CHANGE_KIND_REMOVED
	default:
		return futurisysv1.AliasChangeKind_ALIAS_CHANGE_KIND_SET
	}
}

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

// Journal keeps the changes of the aliases of the models of one repository. What the
// aliases stand for, and what they stood for before, follows from it.
type Journal interface {
	// Read returns the changes of a model, the oldest first. ErrJournal: it cannot be read
	// now, and what it says is not known.
	Read(ctx context.Context, model string) ([]Change, error)
	// Append keeps changes behind as many as the caller knows, all or none. ErrMoved: there
	// are others by now. ErrJournal: it cannot be changed now.
	Append(ctx context.Context, model string, known int, changes ...Change) error
	// Await waits until all copies of the service follow so many changes of a model, and
	// returns the names of those that do not.
	Await(ctx context.Context, model string, entries int) []string
}

// Errors of a journal.
var (
	ErrJournal = errors.New("the journal of aliases is unavailable")
	ErrMoved   = errors.New("the aliases were changed meanwhile")
)

// JournalCache keeps what is known of a journal that is kept elsewhere.
type JournalCache interface {
	// Read returns what was kept of a model's journal; nil: nothing.
	Read(ctx context.Context, model string) ([]Change, error)
	// Keep puts another content in its place.
	Keep(model string, changes []Change) error
}

// FileJournal keeps each model's journal in a file. Copies of the service may share the
// folder.
type FileJournal struct {
	folder string
}

type journalFile struct {
	Changes []Change `json:"changes"`
}

// NewFileJournal returns a journal in a folder of files, one for a model. Each repository
// has a folder of its own: numbers mean other versions in another one, or under another
// pin.
//
// Without a folder nothing is kept: reading finds nothing, and writing does nothing.
func NewFileJournal(folder, repositoryName string) *FileJournal {
	if folder == "" {
		return &FileJournal{}
	}
	name := strings.NewReplacer("://", "--", "/", "--").Replace(repositoryName)
	return &FileJournal{folder: filepath.Join(folder, name)}
}

func (j *FileJournal) path(model string) string {
	return filepath.Join(j.folder, model+".aliases.json")
}

// Read reads a file; see Journal.
func (j *FileJournal) Read(_ context.Context, model string) ([]Change, error) {
	if j.folder == "" {
		return nil, nil
	}
	path := j.path(model)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("MODEL_STATE_DIR: read the aliases: %w", err)
	}
	var file journalFile
	if err := json.Unmarshal(data, &file); err != nil {
		return nil, fmt.Errorf("MODEL_STATE_DIR: %s cannot be read: %w", filepath.Base(path), err)
	}
	return file.Changes, nil
}

// Append writes a file anew, under a lock; see Journal.
func (j *FileJournal) Append(ctx context.Context, model string, known int, changes ...Change) error {
	if err := os.MkdirAll(j.folder, 0o750); err != nil {
		return fmt.Errorf("MODEL_STATE_DIR: %w", err)
	}
	lock := flock.New(j.path(model) + ".lock")
	if _, err := lock.TryLockContext(ctx, lockRetry); err != nil {
		return fmt.Errorf("MODEL_STATE_DIR: %w", err)
	}
	defer lock.Close()
	past, err := j.Read(ctx, model)
	if err != nil {
		return err
	}
	if len(past) != known {
		return ErrMoved
	}
	return j.write(model, slices.Concat(past, changes))
}

// lockRetry is how often a file that another copy has is tried.
const lockRetry = 10 * time.Millisecond

// Keep writes a file anew; see JournalCache.
func (j *FileJournal) Keep(model string, changes []Change) error {
	before, err := j.Read(context.Background(), model)
	if err == nil && slices.Equal(before, changes) {
		return nil // also in a folder that cannot be written
	}
	return j.write(model, changes)
}

func (j *FileJournal) write(model string, changes []Change) error {
	if j.folder == "" {
		return nil
	}
	data, err := json.MarshalIndent(journalFile{Changes: changes}, "", "  ")
	if err != nil {
		return fmt.Errorf("MODEL_STATE_DIR: %w", err)
	}
	if err := os.MkdirAll(j.folder, 0o750); err != nil {
		return fmt.Errorf("MODEL_STATE_DIR: %w", err)
	}
	if err := renameio.WriteFile(j.path(model), append(data, '\n'), 0o644); err != nil {
		return fmt.Errorf("MODEL_STATE_DIR: %w", err)
	}
	return nil
}

// Await waits for nobody: copies that share the folder look at it by themselves.
func (*FileJournal) Await(context.Context, string, int) []string { return nil }

// memoryJournal keeps the journals of this run.
type memoryJournal struct {
	mu      sync.Mutex
	changes map[string][]Change
}

func newMemoryJournal() Journal { return &memoryJournal{changes: map[string][]Change{}} }

func (j *memoryJournal) Read(_ context.Context, model string) ([]Change, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.changes[model]), nil
}

func (j *memoryJournal) Append(_ context.Context, model string, known int, changes ...Change) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.changes[model]) != known {
		return ErrMoved
	}
	j.changes[model] = append(j.changes[model], changes...)
	return nil
}

func (*memoryJournal) Await(context.Context, string, int) []string { return nil }

// aliasHistory lists what an alias stands for, last, and what it stood for before that,
// as far as a rollback can still go.
func aliasHistory(changes []Change, alias string) []int32 {
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

// currentAliases is what each alias stands for.
func currentAliases(changes []Change) map[string]int32 {
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
