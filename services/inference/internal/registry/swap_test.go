package registry_test

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/futurisys/futurisys/services/inference/internal/engine"
	"github.com/futurisys/futurisys/services/inference/internal/engine/enginetest"
	"github.com/futurisys/futurisys/services/inference/internal/hub"
	"github.com/futurisys/futurisys/services/inference/internal/registry"
	"github.com/futurisys/futurisys/services/inference/internal/registry/registrytest"
)

// counted is the real engine, with how many of its sessions are open.
type counted struct {
	engine.Runtime

	open atomic.Int64
}

func (c *counted) Load(graph []byte, width int) (engine.Session, error) {
	session, err := c.Runtime.Load(graph, width)
	if err != nil {
		return nil, err
	}
	c.open.Add(1)
	return &countedSession{Session: session, open: &c.open}, nil
}

// countedSession fails a call on a session that is closed, which the engine's own
// answers by a crash.
type countedSession struct {
	engine.Session

	open   *atomic.Int64
	closed atomic.Bool
}

func (s *countedSession) Score(rows, out []float32) error {
	if s.closed.Load() {
		return errors.New("the session was closed under a call")
	}
	return s.Session.Score(rows, out)
}

func (s *countedSession) Close() error {
	if s.closed.Swap(true) {
		return errors.New("the session was closed twice")
	}
	s.open.Add(-1)
	return s.Session.Close()
}

// Under constant load versions are swapped, rolled back, unloaded and loaded: no
// call fails, every value is that of the version it names, and every session is
// freed.
func TestSwapsUnderLoad(t *testing.T) {
	const swaps, rollbacks, callers, pause = 100, 20, 200, 20 * time.Millisecond
	options := registrytest.Options(t, enginetest.Repository(), hub.Settings{})
	sessions := &counted{Runtime: options.Runtime}
	options.Runtime = sessions
	models := registrytest.Open(t, options)
	expected := map[int32]float32{}
	for _, number := range []int32{1, 2} {
		expected[number] = score(t, models, number)
	}
	if math.Abs(float64(expected[1]-expected[2])) < 1e-3 {
		t.Fatalf("the two versions answer alike, %v: the test would see nothing", expected)
	}
	row := exampleRow(t, models)
	var stop atomic.Bool
	var calls atomic.Int64
	var group sync.WaitGroup
	for range callers {
		group.Go(func() {
			out := make([]float32, 1)
			for !stop.Load() {
				version, err := models.Acquire(model, 0, "")
				if err != nil {
					t.Errorf("a call failed: %v", err)
					return
				}
				err = version.Session.Score(row, out)
				if err != nil || math.Abs(float64(out[0]-expected[version.Number])) > 1e-6 {
					t.Errorf("version %d answers %g instead of %g: %v", version.Number, out[0], expected[version.Number], err)
				}
				version.Release()
				calls.Add(1)
				if t.Failed() {
					return
				}
				time.Sleep(pause) // two cores must also load the versions
			}
		})
	}
	set(t, models, "challenger", 0)
	swap := func(i int) {
		next, old := int32(i%2+1), int32((i+1)%2+1)
		if i%5 == 0 { // load it only now
			if _, err := models.Load(t.Context(), model, next); err != nil {
				t.Error(err)
			}
		}
		set(t, models, registry.Champion, next)
		if rand.IntN(2) == 0 {
			if _, err := models.Unload(model, old); err != nil {
				t.Error(err)
			}
		}
	}
	for i := range swaps {
		swap(i + 1)
	}
	for range rollbacks {
		if err := rollback(t, models); err != nil {
			t.Error(err)
		}
	}
	stop.Store(true)
	group.Wait()
	t.Logf("%d calls during %d swaps and %d rollbacks", calls.Load(), swaps, rollbacks)
	models.Close()
	if left := sessions.open.Load(); left != 0 {
		t.Errorf("%d sessions were not freed", left)
	}
}

// Loading and unloading for ever does not make the process grow.
func TestMemoryComesBackToItsLevel(t *testing.T) {
	models := registrytest.Folder(t, enginetest.Repository())
	set(t, models, "challenger", 0)
	cycle := func(times int) {
		for range times {
			if _, err := models.Unload(model, 2); err != nil {
				t.Fatal(err)
			}
			if _, err := models.Load(t.Context(), model, 2); err != nil {
				t.Fatal(err)
			}
		}
		debug.FreeOSMemory()
	}
	cycle(30) // the allocators find their level
	before := registry.ResidentBytes()
	cycle(100)
	grown := registry.ResidentBytes() - before
	// A session that leaked each time would be 100 times its graph and arenas: some
	// hundred MiB.
	if grown > 32<<20 {
		t.Errorf("100 loads made the process grow by %d bytes", grown)
	}
	t.Logf("100 loads: %+d bytes", grown)
}

// A call that started before its version was unloaded ends on it.
func TestCallUnderWayEndsOnItsVersion(t *testing.T) {
	options := registrytest.Options(t, enginetest.Repository(), hub.Settings{})
	sessions := &counted{Runtime: options.Runtime}
	options.Runtime = sessions
	models := registrytest.Open(t, options)
	set(t, models, "challenger", 0)
	version, err := models.Acquire(model, 2, "")
	if err != nil {
		t.Fatal(err)
	}
	all := sessions.open.Load()
	if _, err := models.Unload(model, 2); err != nil {
		t.Fatal(err)
	}
	if sessions.open.Load() != all {
		t.Error("the session was freed under a call")
	}
	if err := version.Session.Score(exampleRow(t, models), make([]float32, 1)); err != nil {
		t.Error(err)
	}
	version.Release()
	if sessions.open.Load() != all-1 {
		t.Error("the session was not freed after its last call")
	}
}

// exampleRow is the row of the model's example profile; both versions read it alike.
func exampleRow(t *testing.T, models *registry.Registry) []float32 {
	t.Helper()
	version, err := models.Acquire(model, 1, "")
	if err != nil {
		t.Fatal(err)
	}
	defer version.Release()
	row, problems := version.Plan.Encode(nil, version.Example)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return row
}

func score(t *testing.T, models *registry.Registry, number int32) float32 {
	t.Helper()
	version, err := models.Acquire(model, number, "")
	if err != nil {
		t.Fatal(err)
	}
	defer version.Release()
	out := make([]float32, 1)
	if err := version.Session.Score(exampleRow(t, models), out); err != nil {
		t.Fatal(err)
	}
	return out[0]
}

// raced is a journal that another copy of the service is the first to write.
type raced struct {
	registry.Journal

	first registry.Change
	done  bool
}

func (j *raced) Append(ctx context.Context, name string, known int, changes ...registry.Change) error {
	if !j.done {
		j.done = true
		if err := j.Journal.Append(ctx, name, 0, j.first); err != nil {
			return err
		}
	}
	return j.Journal.Append(ctx, name, known, changes...)
}

// What another copy decided at the first start is loaded here, whatever this one would
// have chosen; it must not wait for the look at the repository that it is a part of.
func TestTheFirstStartOfTwoCopies(t *testing.T) {
	folder := t.TempDir()
	if err := os.CopyFS(folder, os.DirFS(enginetest.Repository())); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(folder, model, "aliases.json")); err != nil {
		t.Fatal(err)
	}
	options := registrytest.Options(t, folder, hub.Settings{})
	options.MaxLoaded = 1 // the newest, 2
	options.Journal = &raced{
		Journal: registry.NewFileJournal(t.TempDir(), options.Repository.Name()),
		first:   registry.Change{Alias: registry.Champion, Kind: registry.Initial, To: 1, By: "the other copy"},
	}
	models := registrytest.Open(t, options)
	if got := number(t, models, 0, ""); got != 1 {
		t.Errorf("the champion is %d, want what the other copy chose", got)
	}
}
