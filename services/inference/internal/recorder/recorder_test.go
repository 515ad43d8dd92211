package recorder_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/futurisys/futurisys/services/inference/internal/outbox"
	"github.com/futurisys/futurisys/services/inference/internal/recorder"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

const (
	recorded = futurisysv1.Recording_RECORDING_RECORDED
	queued   = futurisysv1.Recording_RECORDING_QUEUED
	patience = 10 * time.Second
)

type world struct {
	*recorder.Recorder

	ledger *ledger
	box    *outbox.Outbox
	folder string
}

func start(t *testing.T, change func(*recorder.Options)) *world {
	t.Helper()
	w := &world{ledger: &ledger{}, folder: t.TempDir()}
	w.open(t, 1<<30, change)
	return w
}

func (w *world) open(t *testing.T, most int64, change func(*recorder.Options)) {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	var err error
	if w.box, err = outbox.Open(w.folder, most, log); err != nil {
		t.Fatal(err)
	}
	options := recorder.Options{
		Mode: recorder.Required, Client: w.ledger, Outbox: w.box, Timeout: time.Second, Logger: log, Registry: prometheus.NewRegistry(),
	}
	if change != nil {
		change(&options)
	}
	w.Recorder = recorder.New(options)
	t.Cleanup(func() { _ = w.Close() })
}

func (w *world) down() {
	w.ledger.set(func(l *ledger) { l.fail = status.Error(codes.Unavailable, "down") })
}

func (w *world) up() { w.ledger.set(func(l *ledger) { l.fail = nil }) }

var clock = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// prediction is one of the n-th second.
func prediction(n int) *futurisysv1.Prediction {
	return &futurisysv1.Prediction{
		Id: uuid.NewString(), Model: "attrition", ModelVersion: 1, Probability: 0.5,
		Profile:    &futurisysv1.EmployeeProfile{Age: new(int32(n))},
		CreateTime: timestamppb.New(clock.Add(time.Duration(n) * time.Second)),
	}
}

// record records one prediction and returns what is answered.
func (w *world) record(t *testing.T, p *futurisysv1.Prediction) *futurisysv1.Prediction {
	t.Helper()
	list := []*futurisysv1.Prediction{p}
	reused, err := w.Record(t.Context(), list)
	if err != nil || len(reused) != 0 {
		t.Fatalf("got %v, %v", reused, err)
	}
	return list[0]
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

func (w *world) drained(t *testing.T) {
	t.Helper()
	eventually(t, "the outbox is empty", func() bool { return w.box.Stats().Rows == 0 })
}

func unavailable(t *testing.T, err error) {
	t.Helper()
	if !errors.Is(err, recorder.ErrUnavailable) {
		t.Errorf("got %v, want that the record is unavailable", err)
	}
}

func TestWhatComesTogetherIsCommittedTogether(t *testing.T) {
	w := start(t, nil)
	w.ledger.set(func(l *ledger) { l.slow = 5 * time.Millisecond })
	const callers = 100
	var group sync.WaitGroup
	for n := range callers {
		group.Go(func() {
			if got := w.record(t, prediction(n)); got.GetRecording() != recorded {
				t.Errorf("got %s", got.GetRecording())
			}
		})
	}
	group.Wait()
	if len(w.ledger.rows) != callers || w.ledger.calls > callers/4 {
		t.Errorf("%d rows in %d commits", len(w.ledger.rows), w.ledger.calls)
	}
}

func TestOutageIsQueuedAndForwardedInOrder(t *testing.T) {
	w := start(t, nil)
	w.down()
	var want []string
	for n := range 5 {
		got := w.record(t, prediction(n))
		if got.GetRecording() != queued {
			t.Fatalf("got %s", got.GetRecording())
		}
		want = append(want, got.GetId())
	}
	if details := fmt.Sprint(w.Details()); !strings.Contains(details, "persistence:unavailable") || !strings.Contains(details, "outbox:5") {
		t.Errorf("the status does not say it: %s", details)
	}
	w.up()
	w.drained(t)
	if got := w.ledger.ids(); got != strings.Join(want, " ") {
		t.Errorf("got %s, want %v", got, want)
	}
	eventually(t, "rows are recorded again", func() bool { return w.record(t, prediction(9)).GetRecording() == recorded })
}

// A commit whose answer got lost is tried again from the outbox, and is one row.
func TestCommitThatIsNotKnownIsHarmless(t *testing.T) {
	w := start(t, nil)
	w.ledger.set(func(l *ledger) { l.fail, l.commit = status.Error(codes.DeadlineExceeded, "slow"), true })
	got := w.record(t, prediction(1))
	if got.GetRecording() != queued {
		t.Errorf("got %s", got.GetRecording())
	}
	w.ledger.set(func(l *ledger) { l.fail, l.commit = nil, false })
	w.drained(t)
	if w.ledger.ids() != got.GetId() {
		t.Errorf("got %s", w.ledger.ids())
	}
}

// An outbox that cannot delete what is on record, on a full disk, is no reason to put more
// into it.
func TestAnOutboxThatDoesNotDeleteKeepsNothingFromTheRecord(t *testing.T) {
	registry := prometheus.NewRegistry()
	w := start(t, func(o *recorder.Options) { o.Registry = registry })
	w.down()
	w.record(t, prediction(1))
	w.ledger.set(func(l *ledger) { l.fail, l.after = nil, func() { _ = w.box.Close() } })
	eventually(t, "it is forwarded", func() bool { return w.ledger.ids() != "" })
	eventually(t, "rows are recorded again", func() bool {
		list := []*futurisysv1.Prediction{prediction(2)}
		_, err := w.Record(t.Context(), list)
		return err == nil && list[0].GetRecording() == recorded
	})
	time.Sleep(300 * time.Millisecond) // the forwarder tries again
	if got := rowsOf(t, registry, "forwarded"); got != 1 {
		t.Errorf("%v rows count as forwarded", got)
	}
}

// rowsOf is how many rows of an outcome are counted.
func rowsOf(t *testing.T, registry *prometheus.Registry, outcome string) float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			if family.GetName() == "futurisys_recording_rows_total" && metric.GetLabel()[0].GetValue() == outcome {
				return metric.GetCounter().GetValue()
			}
		}
	}
	t.Fatalf("no rows of outcome %s are counted", outcome)
	return 0
}

func TestSuccessorForwardsWhatWasLeft(t *testing.T) {
	w := start(t, nil)
	w.down()
	got := w.record(t, prediction(1))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	w.up()
	w.open(t, 1<<30, nil)
	w.drained(t)
	if w.ledger.ids() != got.GetId() {
		t.Errorf("got %s", w.ledger.ids())
	}
}

func TestCallerWhoGoesAwayIsRecordedAllTheSame(t *testing.T) {
	w := start(t, nil)
	w.ledger.set(func(l *ledger) { l.slow = 50 * time.Millisecond })
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	gone := prediction(1)
	if _, err := w.Record(ctx, []*futurisysv1.Prediction{gone}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	eventually(t, "it is on record", func() bool { return w.ledger.ids() == gone.GetId() })
}

func TestModes(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*recorder.Options)
		want   futurisysv1.Recording // unspecified: refused
	}{
		"off":                             {func(o *recorder.Options) { o.Mode, o.Outbox = recorder.Off, nil }, futurisysv1.Recording_RECORDING_OFF},
		"best-effort":                     {func(o *recorder.Options) { o.Mode, o.Outbox = recorder.BestEffort, nil }, futurisysv1.Recording_RECORDING_NOT_RECORDED},
		"required without an outbox":      {func(o *recorder.Options) { o.Outbox = nil }, 0},
		"required, unrecorded at the end": {func(o *recorder.Options) { o.Outbox, o.Unrecorded = nil, true }, futurisysv1.Recording_RECORDING_NOT_RECORDED},
	} {
		t.Run(name, func(t *testing.T) {
			w := start(t, test.change)
			w.down()
			list := []*futurisysv1.Prediction{prediction(1)}
			if _, err := w.Record(t.Context(), list); test.want == 0 {
				unavailable(t, err)
			} else if err != nil || list[0].GetRecording() != test.want {
				t.Errorf("got %s, %v", list[0].GetRecording(), err)
			}
		})
	}
}

// At its bounds the outbox refuses before anything is scored, and takes again when
// there is room.
func TestFullOutboxRefusesWithATimeToTryAgain(t *testing.T) {
	for name, test := range map[string]struct {
		most int64
		age  time.Duration
	}{"bytes": {100, 0}, "age": {1 << 30, time.Hour}} { // the rows are of January
		t.Run(name, func(t *testing.T) {
			w := start(t, nil)
			_ = w.Close()
			w.open(t, test.most, func(o *recorder.Options) { o.MaxAge = test.age })
			w.down()
			if err := w.Admit(); err != nil {
				t.Fatal(err)
			}
			var err error
			for n := 0; err == nil && n < 100; n++ {
				_, err = w.Record(t.Context(), []*futurisysv1.Prediction{prediction(n)})
			}
			unavailable(t, err)
			if err := w.Ready(); !errors.Is(err, recorder.ErrUnavailable) {
				t.Errorf("readiness: got %v", err)
			}
			kept := w.box.Stats().Rows
			if kept == 0 {
				t.Error("nothing was kept")
			}
			if test.age > 0 {
				unavailable(t, w.Admit())
			}
			w.up()
			w.drained(t)
			if len(w.ledger.rows) != int(kept) {
				t.Errorf("%d of %d arrived", len(w.ledger.rows), kept)
			}
			eventually(t, "it admits again", func() bool { return w.Admit() == nil && w.Ready() == nil })
		})
	}
}
