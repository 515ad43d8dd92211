// Package journal follows the journal of aliases that persistence keeps for all copies of
// the service: which version answers must not depend on the copy.
package journal

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/futurisys/futurisys/services/inference/internal/registry"

	internalv1 "github.com/futurisys/futurisys/proto/gen/futurisys/internalapi/v1"
)

const (
	// interval is how often it is looked for what other copies have changed.
	interval = 500 * time.Millisecond
	// callTimeout bounds one call of persistence.
	callTimeout = 3 * time.Second
	// awaitTimeout is how long a change waits for the other copies.
	awaitTimeout  = 5 * time.Second
	awaitInterval = 50 * time.Millisecond
)

// Options say how a journal works.
type Options struct {
	Client     internalv1.AliasServiceClient
	Repository string // its name in the API
	Copy       string // the name of this copy of the service
	// Cache keeps what was last read, for a start while persistence is unavailable.
	Cache  registry.JournalCache
	Logger *slog.Logger
}

// Journal is a registry.Journal. It may be used by many goroutines at once.
type Journal struct {
	options Options

	mu        sync.Mutex
	entries   map[string][]registry.Change
	read      bool // from persistence, once at least
	reachable bool
	followers map[string]map[string]int32 // copy to model to entry
	applied   map[string]int32            // by this copy
	uncached  map[string]bool             // models of which the cache has less
}

// New returns a journal that has read nothing yet: Run reads.
func New(options Options) *Journal {
	return &Journal{options: options, entries: map[string][]registry.Change{}, uncached: map[string]bool{}, reachable: true}
}

// Run follows persistence until ctx ends: follow is called when there is something to
// follow, and applied says by model how far the answers do.
func (j *Journal) Run(ctx context.Context, follow func(context.Context) error, applied func() map[string]int32) {
	logged := ""
	for {
		if changed := j.sync(ctx, applied()); changed || j.behind(applied()) {
			problem := ""
			if err := follow(ctx); err != nil && ctx.Err() == nil {
				problem = err.Error()
			}
			if problem != "" && problem != logged {
				j.options.Logger.ErrorContext(ctx, "follow the aliases", "error", problem)
			}
			logged = problem
			j.sync(ctx, applied()) // so that whoever waits for this copy knows at once
		}
		j.cache()
		select {
		case <-time.After(interval):
		case <-ctx.Done():
			j.leave() //nolint:contextcheck // the one at hand has ended
			return
		}
	}
}

// cache keeps what was read for an outage: on disk, so that no lock is held meanwhile. Only
// Run calls it, so that no older content follows a newer one.
func (j *Journal) cache() {
	j.mu.Lock()
	entries := map[string][]registry.Change{}
	for model := range j.uncached {
		entries[model] = slices.Clone(j.entries[model])
	}
	clear(j.uncached)
	j.mu.Unlock()
	for model, changes := range entries {
		if err := j.options.Cache.Keep(model, changes); err != nil {
			j.options.Logger.Warn("the journal of aliases is not kept for an outage", "model", model, "error", err)
		}
	}
}

// behind says whether the answers follow less than is known.
func (j *Journal) behind(applied map[string]int32) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	for model, at := range applied {
		if int(at) < len(j.entries[model]) {
			return true
		}
	}
	return false
}

// leave says that this copy need not be waited for any more.
func (j *Journal) leave() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_, err := j.options.Client.FollowAliasChanges(ctx, &internalv1.FollowAliasChangesRequest{
		Repository: j.options.Repository, Copy: j.options.Copy, Leaving: true,
	})
	if err != nil {
		j.options.Logger.Debug("leave the followers of aliases", "error", err)
	}
}

// sync reads what is new and says how far this copy is. It returns whether there was
// something new.
func (j *Journal) sync(ctx context.Context, applied map[string]int32) bool {
	j.mu.Lock()
	request := &internalv1.FollowAliasChangesRequest{
		Repository: j.options.Repository, Copy: j.options.Copy, ReadEntries: map[string]int32{}, AppliedEntries: applied,
	}
	j.applied = applied
	if j.read { // what the cache says is read again: it may be of another database
		for model, changes := range j.entries {
			request.ReadEntries[model] = int32(len(changes))
		}
	}
	j.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	answer, err := j.options.Client.FollowAliasChanges(ctx, request)
	j.mu.Lock()
	defer j.mu.Unlock()
	if err != nil {
		if j.reachable && status.Code(err) != codes.Canceled {
			j.options.Logger.Warn("the journal of aliases is unavailable: aliases stay as they are", "error", err)
		}
		j.reachable = false
		return false
	}
	if !j.reachable {
		j.options.Logger.Info("the journal of aliases is available again")
	}
	j.reachable = true
	j.followers = map[string]map[string]int32{}
	for _, follower := range answer.GetFollowers() {
		j.followers[follower.GetCopy()] = follower.GetAppliedEntries()
	}
	return j.take(answer)
}

// take puts what was read behind what is known. The lock is held.
func (j *Journal) take(answer *internalv1.FollowAliasChangesResponse) bool {
	changed := !j.read
	if !j.read {
		j.entries = map[string][]registry.Change{}
	}
	j.read = true
	for model, changes := range j.entries {
		if last := answer.GetLastEntries()[model]; int(last) < len(changes) {
			j.options.Logger.Warn("the journal of aliases was set back: it is read again", "model", model, "entries", len(changes), "now", last)
			delete(j.entries, model)
		}
	}
	for _, journal := range answer.GetJournals() {
		model := journal.GetModel()
		known := len(j.entries[model])
		if int(journal.GetFirstEntry()) > known+1 {
			continue // what is between is read next time
		}
		added := journal.GetChanges()[min(known+1-int(journal.GetFirstEntry()), len(journal.GetChanges())):]
		for _, change := range added {
			j.entries[model] = append(j.entries[model], fromMessage(change))
			changed = true
		}
		j.uncached[model] = true
	}
	return changed
}

// Read returns what is known of a model's journal; see registry.Journal. Before
// persistence was reached once that is what the cache kept.
func (j *Journal) Read(ctx context.Context, model string) ([]registry.Change, error) {
	j.mu.Lock()
	read, applied := j.read, j.applied
	j.mu.Unlock()
	if !read {
		j.sync(ctx, applied)
	}
	j.mu.Lock()
	changes, read := slices.Clone(j.entries[model]), j.read
	j.mu.Unlock()
	if read || len(changes) > 0 {
		return changes, nil
	}
	cached, err := j.options.Cache.Read(ctx, model)
	if err != nil {
		return nil, err //nolint:wrapcheck // it names the setting
	}
	if len(cached) == 0 {
		return nil, registry.ErrJournal
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if !j.read && len(j.entries[model]) == 0 {
		j.entries[model] = cached
	}
	return slices.Clone(j.entries[model]), nil
}

// Append adds to the journal; see registry.Journal. What a copy kept in a file before
// there was a common journal becomes its beginning.
func (j *Journal) Append(ctx context.Context, model string, known int, changes ...registry.Change) error {
	if known == 0 {
		kept, err := j.options.Cache.Read(ctx, model)
		if err != nil {
			return err //nolint:wrapcheck // it names the setting
		}
		if len(kept) > 0 {
			if err := j.append(ctx, model, 0, kept); err != nil {
				return err
			}
			return registry.ErrMoved
		}
	}
	return j.append(ctx, model, known, changes)
}

func (j *Journal) append(ctx context.Context, model string, known int, changes []registry.Change) error {
	request := &internalv1.AppendAliasChangeRequest{Repository: j.options.Repository, Model: model, LastEntry: int32(known)}
	for _, change := range changes {
		request.Changes = append(request.Changes, toMessage(change))
	}
	call, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	_, err := j.options.Client.AppendAliasChange(call, request)
	moved := status.Code(err) == codes.Aborted
	if err != nil && !moved {
		return fmt.Errorf("%w: %w", registry.ErrJournal, err)
	}
	j.mu.Lock()
	applied := j.applied
	j.mu.Unlock()
	j.sync(ctx, applied)
	if moved {
		return registry.ErrMoved
	}
	return nil
}

// Details are what the status says of the journal.
func (j *Journal) Details() map[string]string {
	j.mu.Lock()
	defer j.mu.Unlock()
	parts := make([]string, 0, len(j.entries))
	for _, model := range slices.Sorted(maps.Keys(j.entries)) {
		parts = append(parts, fmt.Sprintf("%s: entry %d of %d", model, j.applied[model], len(j.entries[model])))
	}
	out := map[string]string{"copy": j.options.Copy, "alias_journal": strings.Join(parts, ", ")}
	if !j.reachable {
		out["alias_journal"] = strings.TrimSpace(out["alias_journal"] + " (unavailable)")
	}
	return out
}
