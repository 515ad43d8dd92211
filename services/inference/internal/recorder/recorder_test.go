package recorder_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/futurisys/futurisys/services/inference/internal/outbox"
	"github.com/futurisys/futurisys/services/inference/internal/recorder"

	internalv1 "github.com/futurisys/futurisys/proto/gen/futurisys/internalapi/v1"
	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

const (
	recorded = futurisysv1.Recording_RECORDING_RECORDED
	queued   = futurisysv1.Recording_RECORDING_QUEUED
	patience = 10 * time.Second
)

// ledger stands where persistence does, so that a test can make it fail at a given
// point; the real one is behind the tests in gateway/e2e.
type ledger struct {
	internalv1.RecordingServiceClient

	mu      sync.Mutex
	rows    []*futurisysv1.Prediction
	calls   int
	slow    time.Duration
	fail    error                                  // answers this
	commit  bool                                   // and has committed all the same
	refuses func(row *futurisysv1.Prediction) bool // such a row breaks a rule
}

func (l *ledger) RecordPredictions(_ context.Context, request *internalv1.RecordPredictionsRequest, _ ...grpc.CallOption) (*internalv1.RecordPredictionsResponse, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls++
	time.Sleep(l.slow)
	if l.fail != nil && !l.commit {
		return nil, l.fail
	}
	for _, row := range request.GetPredictions() {
		if l.refuses != nil && l.refuses(row) {
			return nil, status.Error(codes.InvalidArgument, "refused")
		}
	}
	out := &internalv1.RecordPredictionsResponse{}
	for _, row := range request.GetPredictions() {
		if first := l.find(row.GetId()); first == nil {
			l.rows = append(l.rows, proto.CloneOf(row))
		} else if !first.GetCreateTime().AsTime().Equal(row.GetCreateTime().AsTime()) {
			out.Earlier = append(out.Earlier, proto.CloneOf(first))
		}
	}
	return out, l.fail
}

func (l *ledger) find(id string) *futurisysv1.Prediction {
	for _, row := range l.rows {
		if row.GetId() == id {
			return row
		}
	}
	return nil
}

func (l *ledger) set(change func(*ledger)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change(l)
}

// ids are those on record, in the order they came.
func (l *ledger) ids() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []string
	for _, row := range l.rows {
		out = append(out, row.GetId())
	}
	return strings.Join(out, " ")
}

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
			eventually(t, "it admits again", func() bool { return w.Admit() == nil })
		})
	}
}

// asked is a prediction with a request_id.
func asked(n int, at int) *futurisysv1.Prediction {
	p := prediction(n)
	p.Id = uuid.NewSHA1(uuid.Nil, []byte("request")).String()
	p.RequestId = "request"
	p.CreateTime = timestamppb.New(clock.Add(time.Duration(at) * time.Hour))
	return p
}

func TestRetryGetsTheFirstAnswer(t *testing.T) {
	for name, down := range map[string]bool{"from the record": false, "from the outbox": true} {
		t.Run(name, func(t *testing.T) {
			w := start(t, nil)
			if down {
				w.down()
			}
			first := w.record(t, asked(1, 0))
			retry := asked(1, 1)
			retry.Probability, retry.ModelVersion = 0.9, 2 // the version changed meanwhile
			if again := w.record(t, retry); !proto.Equal(again, first) {
				t.Errorf("got %v, want %v", again, first)
			}
			reused, err := w.Record(t.Context(), []*futurisysv1.Prediction{prediction(5), asked(2, 2)})
			if err != nil || len(reused) != 1 || reused[0] != 1 {
				t.Errorf("another row: got %v, %v", reused, err)
			}
			w.up()
			w.drained(t)
			if got := len(w.ledger.rows); got != 2 {
				t.Errorf("%d rows on record", got)
			}
		})
	}
}

// A retry that comes when persistence is back, but the first answer is still on its
// way there, gets the first answer and does not overtake it.
func TestRetryDoesNotOvertakeTheFirstAnswer(t *testing.T) {
	w := start(t, nil)
	first := asked(1, 0)
	value, err := proto.Marshal(first)
	if err != nil {
		t.Fatal(err)
	}
	// As after a restart: it is in the outbox, and persistence is not known to be away.
	w.ledger.mu.Lock() // the forwarder cannot get through before the retry
	entry := outbox.Entry{Time: first.GetCreateTime().AsTime(), ID: outbox.ID(uuid.MustParse(first.GetId())), Retried: true, Value: value}
	if _, err := w.box.Put([]outbox.Entry{entry}); err != nil {
		t.Fatal(err)
	}
	again := w.record(t, asked(1, 1))
	w.ledger.mu.Unlock()
	first.Recording = queued
	if !proto.Equal(again, first) {
		t.Errorf("got %v, want %v", again, first)
	}
	w.drained(t)
	if len(w.ledger.rows) != 1 || !w.ledger.rows[0].GetCreateTime().AsTime().Equal(first.GetCreateTime().AsTime()) {
		t.Errorf("on record: %v", w.ledger.rows)
	}
}

func TestEmployeeIsTheQuestionNotTheRecordOfIt(t *testing.T) {
	w := start(t, nil)
	first, changed := asked(1, 0), asked(2, 1)
	for _, p := range []*futurisysv1.Prediction{first, changed} {
		p.EmployeeId, p.ProfileSource = new(int32(7)), futurisysv1.ProfileSource_PROFILE_SOURCE_RECORD
	}
	first = w.record(t, first)
	if again := w.record(t, changed); !proto.Equal(again, first) {
		t.Errorf("got %v", again)
	}
}

// One bad call must not make the others fail that were sent with it.
func TestBadCallFailsAlone(t *testing.T) {
	w := start(t, nil)
	bad := prediction(13)
	w.ledger.set(func(l *ledger) {
		l.slow = 20 * time.Millisecond
		l.refuses = func(row *futurisysv1.Prediction) bool { return row.GetId() == bad.GetId() }
	})
	var group sync.WaitGroup
	for n := range 20 {
		group.Go(func() {
			p := prediction(n)
			if n == 13 {
				p = bad
			}
			_, err := w.Record(t.Context(), []*futurisysv1.Prediction{p})
			if (err != nil) != (n == 13) || status.Code(err) == codes.InvalidArgument {
				t.Errorf("%d: got %v", n, err)
			}
		})
	}
	group.Wait()
	if len(w.ledger.rows) != 19 {
		t.Errorf("%d of 19 on record", len(w.ledger.rows))
	}
}

// What the record will never take is kept in a file, and the rest goes on.
func TestRowsThatAreRefusedOrDoNotReadAreSetAside(t *testing.T) {
	w := start(t, nil)
	w.down()
	var ids []string
	for n := range 10 {
		ids = append(ids, w.record(t, prediction(n)).GetId())
	}
	unreadable := outbox.Entry{Time: clock, ID: outbox.ID(uuid.New()), Value: []byte{0xff, 0xff}}
	if _, err := w.box.Put([]outbox.Entry{unreadable}); err != nil {
		t.Fatal(err)
	}
	w.ledger.set(func(l *ledger) {
		l.fail = nil
		l.refuses = func(row *futurisysv1.Prediction) bool { return row.GetId() == ids[4] }
	})
	w.drained(t)
	if got, want := w.ledger.ids(), strings.Join(append(append([]string{}, ids[:4]...), ids[5:]...), " "); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	lines, err := os.ReadFile(filepath.Join(w.folder, "set-aside.jsonl"))
	if err != nil || strings.Count(string(lines), "\n") != 2 || !strings.Contains(string(lines), ids[4]) || !strings.Contains(string(lines), "//8=") {
		t.Errorf("got %s, %v", lines, err)
	}
	if details := fmt.Sprint(w.Details()); !strings.Contains(details, "2 rows that the record refused") {
		t.Errorf("the status does not say it: %s", details)
	}
}
