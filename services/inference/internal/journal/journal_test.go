package journal_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/futurisys/futurisys/services/inference/internal/journal"
	"github.com/futurisys/futurisys/services/inference/internal/registry"

	internalv1 "github.com/futurisys/futurisys/proto/gen/futurisys/internalapi/v1"
	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

const (
	model = "attrition"
	// patience is how long a test waits for what another goroutine does.
	patience = 10 * time.Second
)

// ledger is persistence: it keeps one model's journal and who follows it.
type ledger struct {
	mu        sync.Mutex
	changes   []*futurisysv1.AliasChange
	followers map[string]int32
	away      bool
}

func newLedger() *ledger { return &ledger{followers: map[string]int32{}} }

func (l *ledger) set(change func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change()
}

func (l *ledger) AppendAliasChange(_ context.Context, request *internalv1.AppendAliasChangeRequest, _ ...grpc.CallOption) (*internalv1.AppendAliasChangeResponse, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.away:
		return nil, status.Error(codes.Unavailable, "connection refused")
	case int(request.GetLastEntry()) != len(l.changes):
		return nil, status.Error(codes.Aborted, "the journal changed")
	}
	l.changes = append(l.changes, request.GetChanges()...)
	return &internalv1.AppendAliasChangeResponse{LastEntry: int32(len(l.changes))}, nil
}

func (l *ledger) FollowAliasChanges(_ context.Context, request *internalv1.FollowAliasChangesRequest, _ ...grpc.CallOption) (*internalv1.FollowAliasChangesResponse, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.away {
		return nil, status.Error(codes.Unavailable, "connection refused")
	}
	if request.GetLeaving() {
		delete(l.followers, request.GetCopy())
		return &internalv1.FollowAliasChangesResponse{}, nil
	}
	l.followers[request.GetCopy()] = request.GetAppliedEntries()[model]
	read := min(int(request.GetReadEntries()[model]), len(l.changes))
	answer := &internalv1.FollowAliasChangesResponse{LastEntries: map[string]int32{model: int32(len(l.changes))}}
	if read < len(l.changes) {
		answer.Journals = []*internalv1.AliasJournal{{Model: model, FirstEntry: int32(read + 1), Changes: l.changes[read:]}}
	}
	for name, applied := range l.followers {
		answer.Followers = append(answer.Followers, &internalv1.AliasFollower{Copy: name, AppliedEntries: map[string]int32{model: applied}})
	}
	return answer, nil
}

// cache is a registry.JournalCache in memory, which blocks while it is held.
type cache struct {
	mu      sync.Mutex
	changes []registry.Change
	held    chan struct{} // nil: it does not block
	err     error
}

func (c *cache) Read(context.Context, string) ([]registry.Change, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.changes), c.err
}

func (c *cache) Keep(_ string, changes []registry.Change) error {
	if c.held != nil {
		<-c.held
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.changes = slices.Clone(changes)
	return c.err
}

func (c *cache) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.changes)
}

func open(l *ledger, name string, c *cache) *journal.Journal {
	return journal.New(journal.Options{
		Client: l, Repository: "folder", Copy: name, Cache: c, Logger: slog.New(slog.DiscardHandler),
	})
}

// run lets a copy follow until the test ends; applied is how far its answers are.
func run(t *testing.T, j *journal.Journal, follow func() error) (applied func(int32), followed <-chan struct{}) {
	t.Helper()
	var mu sync.Mutex
	var at int32
	seen := make(chan struct{}, 100)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		j.Run(ctx, func(context.Context) error {
			seen <- struct{}{}
			return follow()
		}, func() map[string]int32 {
			mu.Lock()
			defer mu.Unlock()
			return map[string]int32{model: at}
		})
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	return func(entry int32) {
		mu.Lock()
		defer mu.Unlock()
		at = entry
	}, seen
}

func set(to int32) registry.Change {
	return registry.Change{
		Alias: registry.Champion, Kind: registry.Set, To: to, Revision: "sha256:a", By: "marie", Comment: "why", Forced: true,
		Time: time.Date(2026, 3, 4, 5, 6, 7, 8_000, time.UTC),
	}
}

func eventually(t *testing.T, what string, so func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if so() {
			return
		}
	}
	t.Fatalf("not in time: %s", what)
}

func TestAChangeComesBackAsItWasMade(t *testing.T) {
	l := newLedger()
	j := open(l, "a", &cache{})
	all := []registry.Change{set(1), set(2), {Alias: "canary", Kind: registry.Initial, To: 1, Time: set(1).Time}}
	rollback, removed := set(1), set(0)
	rollback.Kind, removed.Kind = registry.Rollback, registry.Removed
	all = append(all, rollback, removed)
	if err := j.Append(t.Context(), model, 0, all...); err != nil {
		t.Fatal(err)
	}
	got, err := open(l, "b", &cache{}).Read(t.Context(), model)
	if err != nil || !slices.Equal(got, all) {
		t.Errorf("got %+v, %v\nwant %+v", got, err, all)
	}
	if got, err := j.Read(t.Context(), "another"); err != nil || len(got) != 0 {
		t.Errorf("a model without changes has %v, %v", got, err)
	}
}

// Of two copies that change the same thing one does, and the other sees that it did.
func TestOfTwoChangesAtOnceOneIsMade(t *testing.T) {
	l := newLedger()
	a, b := open(l, "a", &cache{}), open(l, "b", &cache{})
	if err := a.Append(t.Context(), model, 0, set(1)); err != nil {
		t.Fatal(err)
	}
	if err := b.Append(t.Context(), model, 0, set(2)); !errors.Is(err, registry.ErrMoved) {
		t.Errorf("got %v, want that it moved", err)
	}
	if got, err := b.Read(t.Context(), model); err != nil || len(got) != 1 || got[0].To != 1 {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestWhilePersistenceIsUnavailable(t *testing.T) {
	l := newLedger()
	l.away = true
	if _, err := open(l, "a", &cache{}).Read(t.Context(), model); !errors.Is(err, registry.ErrJournal) {
		t.Errorf("nothing is known, and Read says %v", err)
	}
	broken := &cache{err: errors.New("MODEL_STATE_DIR: it does not read")}
	if _, err := open(l, "a", broken).Read(t.Context(), model); err == nil || !strings.Contains(err.Error(), "MODEL_STATE_DIR") {
		t.Errorf("the cache does not read, and Read says %v", err)
	}
	j := open(l, "a", &cache{changes: []registry.Change{set(2)}})
	if got, err := j.Read(t.Context(), model); err != nil || len(got) != 1 || got[0].To != 2 {
		t.Errorf("the cache has one change: got %v, %v", got, err)
	}
	if err := j.Append(t.Context(), model, 1, set(1)); !errors.Is(err, registry.ErrJournal) {
		t.Errorf("a change that nobody keeps: got %v", err)
	}
	if details := j.Details(); !strings.Contains(details["alias_journal"], "unavailable") || details["copy"] != "a" {
		t.Errorf("the status says %v", details)
	}
}

// What the cache says may be of another database: it holds only until persistence answers.
func TestPersistenceIsRightAndTheCacheIsNot(t *testing.T) {
	l := newLedger()
	l.away = true
	j := open(l, "a", &cache{changes: []registry.Change{set(2), set(3)}})
	if got, err := j.Read(t.Context(), model); err != nil || len(got) != 2 {
		t.Fatalf("got %v, %v", got, err)
	}
	first := newLedger()
	if err := open(first, "b", &cache{}).Append(t.Context(), model, 0, set(1)); err != nil {
		t.Fatal(err)
	}
	l.set(func() { l.away, l.changes = false, first.changes })
	if got, err := j.Read(t.Context(), model); err != nil || len(got) != 1 || got[0].To != 1 {
		t.Errorf("got %v, %v, want what persistence has", got, err)
	}
}

// A copy that had a file of its own before there was a database brings it along.
func TestAFileBecomesTheBeginningOfTheJournal(t *testing.T) {
	l := newLedger()
	j := open(l, "a", &cache{changes: []registry.Change{set(1), set(2)}})
	if err := j.Append(t.Context(), model, 0, set(3)); !errors.Is(err, registry.ErrMoved) {
		t.Errorf("got %v, want that there is more by now", err)
	}
	if got, err := j.Read(t.Context(), model); err != nil || len(got) != 2 {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestACopyFollowsWhatOthersChange(t *testing.T) {
	l, kept := newLedger(), &cache{}
	j := open(l, "a", kept)
	applied, followed := run(t, j, func() error { return nil })
	if err := open(l, "b", &cache{}).Append(t.Context(), model, 0, set(1)); err != nil {
		t.Fatal(err)
	}
	select {
	case <-followed:
	case <-time.After(patience):
		t.Fatal("nobody followed")
	}
	eventually(t, "the change is known", func() bool {
		got, err := j.Read(t.Context(), model)
		return err == nil && len(got) == 1
	})
	eventually(t, "it is kept for an outage", func() bool { return kept.count() == 1 })
	if lagging := open(l, "b", &cache{}).Await(shortly(t), model, 1); !slices.Equal(lagging, []string{"a"}) {
		t.Errorf("the answers of a do not follow yet, and those who lag are %v", lagging)
	}
	applied(1)
	if lagging := open(l, "b", &cache{}).Await(t.Context(), model, 1); len(lagging) != 0 {
		t.Errorf("%v lag behind", lagging)
	}
}

// shortly is a context that a wait for another copy does not outlive.
func shortly(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	t.Cleanup(cancel)
	return ctx
}

// A copy that stops need not be waited for.
func TestACopyThatLeavesIsForgotten(t *testing.T) {
	l := newLedger()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		open(l, "a", &cache{}).Run(ctx, func(context.Context) error { return nil }, func() map[string]int32 { return nil })
	}()
	known := func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		_, known := l.followers["a"]
		return known
	}
	eventually(t, "the copy is known", known)
	cancel()
	<-ended
	if known() {
		t.Error("a copy that left is still waited for")
	}
}

// A disk that hangs holds nobody who asks which version answers.
func TestASlowDiskHoldsNobody(t *testing.T) {
	l, slow := newLedger(), &cache{held: make(chan struct{})}
	j := open(l, "a", slow)
	_, followed := run(t, j, func() error { return nil })
	t.Cleanup(func() { close(slow.held) })
	<-followed // Run is about to keep what it read
	if err := open(l, "b", &cache{}).Append(t.Context(), model, 0, set(1)); err != nil {
		t.Fatal(err)
	}
	read := make(chan error, 1)
	go func() {
		_, err := j.Read(t.Context(), model)
		j.Details()
		read <- err
	}()
	select {
	case err := <-read:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(patience):
		t.Error("a read waits for the disk")
	}
}
