// Package recorder puts predictions on record through the persistence service:
// what comes together is committed together, and while persistence is away it is
// kept in an outbox and forwarded later.
package recorder

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/futurisys/futurisys/services/inference/internal/outbox"
	"github.com/futurisys/futurisys/services/platform/batch"
	"github.com/futurisys/futurisys/services/platform/requestid"
	"github.com/futurisys/futurisys/services/platform/telemetry"

	internalv1 "github.com/futurisys/futurisys/proto/gen/futurisys/internalapi/v1"
	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// Mode says what happens when a prediction cannot be recorded.
type Mode string

// The modes.
const (
	// Off records nothing.
	Off Mode = "off"
	// BestEffort answers all the same and says so in the answer.
	BestEffort Mode = "best-effort"
	// Required answers nothing that is not on stable storage somewhere.
	Required Mode = "required"
)

// Options say how a recorder works.
type Options struct {
	Mode   Mode
	Client internalv1.RecordingServiceClient // nil when the mode is Off
	// Outbox keeps what persistence cannot take, in mode Required; nil: such a
	// prediction is refused.
	Outbox *outbox.Outbox
	// Timeout is how long a commit may take before the rows go to the outbox; each
	// row adds a millisecond.
	Timeout time.Duration
	// MaxAge is how old the outbox's oldest row may become before it counts as
	// full; 0: any age.
	MaxAge time.Duration
	// Unrecorded answers without a record when the outbox is full too; otherwise the
	// call is refused.
	Unrecorded bool
	Logger     *slog.Logger
	Registry   prometheus.Registerer
}

// How rows are gathered. Single predictions have senders of their own, and calls with more
// are sent in parts: a database with one writer lets a single one pass between two parts.
const (
	senders     = 2
	maxRows     = 1_000 // of single predictions
	partSenders = 1
	partRows    = 64    // of a call with more, sent alone while single predictions come
	maxParts    = 512   // rows of parts that are sent together otherwise
	maxWaiting  = 4_096 // calls, or parts of them
)

// ErrUnavailable says that predictions can be put neither on record nor into the outbox.
var ErrUnavailable = errors.New("the record of predictions is unavailable")

// Recorder records predictions. It may be used by many goroutines at once.
type Recorder struct {
	options Options
	// singles and parts are nil when the mode is Off.
	singles, parts *batch.Batcher[*call]
	forward        *forwarder // nil without an outbox
	// unavailable says that persistence did not take the last rows: the next ones go to the
	// outbox at once, until the forwarder gets through. Never set without an outbox.
	unavailable atomic.Bool
	down        atomic.Bool  // the last commit failed
	refusing    atomic.Int64 // when the last rows were refused, in nanoseconds; 0: rows were taken since
	lastSingle  atomic.Int64 // when a single prediction came last, in nanoseconds
	metrics     *metrics
	// What is logged of an outage, which may last for days.
	refused, full, undeleted *telemetry.Repeated
	waiting                  atomic.Pointer[telemetry.Repeated]
}

// outageInterval is how often an outage that lasts is logged again.
const outageInterval = time.Minute

// call is the predictions of one call, and what came of them.
type call struct {
	request     string // the id of the caller's request
	predictions []*futurisysv1.Prediction
	reused      []int
	err         error
}

// New returns a recorder that is at work: what the outbox holds is forwarded.
func New(options Options) *Recorder {
	r := &Recorder{
		options: options, metrics: newMetrics(options),
		refused: telemetry.NewRepeated(1, time.Second), full: telemetry.NewRepeated(1, time.Second),
		undeleted: newOutage(),
	}
	r.waiting.Store(newOutage())
	if options.Mode == Off {
		return r
	}
	lane := func(senders int, rows func() int) *batch.Batcher[*call] {
		return batch.New(batch.Options[*call]{
			Send: r.send, Senders: senders, Max: rows, Queue: maxWaiting,
			Weigh: func(c *call) int { return len(c.predictions) },
		})
	}
	r.singles, r.parts = lane(senders, func() int { return maxRows }), lane(partSenders, r.rowsOfParts)
	r.registerState()
	if options.Outbox != nil {
		r.forward = startForwarder(r)
	}
	return r
}

func newOutage() *telemetry.Repeated { return telemetry.NewRepeated(1, outageInterval) }

// Admit says, before anything is scored, whether it could be put on record: an
// error is what the caller gets.
func (r *Recorder) Admit() error {
	if r.unavailable.Load() && !r.options.Unrecorded && r.tooMuch() {
		r.refusing.Store(time.Now().UnixNano())
		return ErrUnavailable
	}
	return nil
}

// refusalCounts is about the usual time between two looks at a process.
const refusalCounts = 10 * time.Second

// Ready returns an error while predictions are refused because they can be put neither on
// record nor into the outbox: other copies of the service may have room. After a while without
// any it is tried again.
func (r *Recorder) Ready() error {
	if r.options.Outbox == nil || time.Since(time.Unix(0, r.refusing.Load())) > refusalCounts {
		return nil // without an outbox only a call tells that persistence is back
	}
	if err := r.options.Outbox.Check(); err != nil {
		return fmt.Errorf("%w, and the outbox takes none: %w", ErrUnavailable, err)
	}
	return ErrUnavailable
}

// tooMuch says whether the outbox is at its bounds.
func (r *Recorder) tooMuch() bool {
	stats := r.options.Outbox.Stats()
	return stats.Bytes >= stats.MaxBytes || r.options.MaxAge > 0 && stats.Rows > 0 && time.Since(stats.Oldest) > r.options.MaxAge
}

// Record puts predictions on record and says on each what became of it. Where the
// request_id has an answer already, that answer takes the new one's place in
// predictions; reused are the places whose request_id belongs to another row, which
// are not recorded. An error means that none may be answered. When ctx ends first
// they are recorded all the same.
func (r *Recorder) Record(ctx context.Context, predictions []*futurisysv1.Prediction) (reused []int, err error) {
	if r.options.Mode == Off {
		mark(predictions, futurisysv1.Recording_RECORDING_OFF)
		return nil, nil
	}
	// The senders work on a list of their own: a caller that goes away keeps its.
	mine := slices.Clone(predictions)
	if len(mine) == 1 {
		r.lastSingle.Store(time.Now().UnixNano())
		reused, err = r.recordPart(ctx, r.singles, mine)
	} else {
		reused, err = r.recordParts(ctx, mine)
	}
	if err != nil {
		return nil, err
	}
	copy(predictions, mine)
	return reused, nil
}

// quietTime is how long no single prediction must have come for large commits of parts.
const quietTime = 100 * time.Millisecond

// rowsOfParts is how many rows of parts are committed together now.
func (r *Recorder) rowsOfParts() int {
	if time.Since(time.Unix(0, r.lastSingle.Load())) < quietTime {
		return partRows
	}
	return maxParts
}

// recordParts records the parts of a call side by side, so that all are let in even if the
// caller goes away.
func (r *Recorder) recordParts(ctx context.Context, predictions []*futurisysv1.Prediction) (reused []int, err error) {
	parts := slices.Collect(slices.Chunk(predictions, partRows))
	found, failed := make([][]int, len(parts)), make([]error, len(parts))
	var all sync.WaitGroup
	for i, part := range parts {
		all.Go(func() { found[i], failed[i] = r.recordPart(ctx, r.parts, part) })
	}
	all.Wait()
	for i := range parts {
		if failed[i] != nil {
			return nil, failed[i]
		}
		for _, at := range found[i] {
			reused = append(reused, i*partRows+at)
		}
	}
	return reused, nil
}

// recordPart puts predictions on record by way of a lane; an earlier answer takes the place
// of a new one.
func (r *Recorder) recordPart(ctx context.Context, lane *batch.Batcher[*call], predictions []*futurisysv1.Prediction) (reused []int, err error) {
	mine := &call{request: requestid.From(ctx), predictions: predictions}
	if err := lane.Do(ctx, mine); err != nil {
		return nil, fmt.Errorf("record %d predictions: %w", len(predictions), err)
	}
	return mine.reused, mine.err
}

// Close sends what waits, and leaves in the outbox what cannot be.
func (r *Recorder) Close() error {
	if r.singles != nil {
		r.singles.Close()
		r.parts.Close()
	}
	if r.forward != nil {
		r.forward.stop()
		return r.options.Outbox.Close() //nolint:wrapcheck // it says what it was doing
	}
	return nil
}

// Details are what the status says of the record.
func (r *Recorder) Details() map[string]string {
	out := map[string]string{"recording": string(r.options.Mode)}
	if r.unavailable.Load() || r.down.Load() {
		out["persistence"] = "unavailable"
	}
	if r.options.Outbox == nil {
		return out
	}
	stats := r.options.Outbox.Stats()
	out["outbox"] = strconv.FormatInt(stats.Rows, 10)
	out["outbox_bytes"], out["outbox_max_bytes"] = strconv.FormatInt(stats.Bytes, 10), strconv.FormatInt(stats.MaxBytes, 10)
	if !stats.Oldest.IsZero() {
		out["outbox_oldest"] = stats.Oldest.Format(time.RFC3339)
	}
	if err := r.options.Outbox.Check(); err != nil {
		out["outbox_problem"] = err.Error()
	}
	if aside, err := r.options.Outbox.Aside(); err != nil {
		out["outbox_set_aside"] = err.Error()
	} else if aside != (outbox.Aside{}) {
		out["outbox_set_aside"] = fmt.Sprintf("%d rows that the record refused, %d files that did not read", aside.Rows, aside.Files)
	}
	return out
}

func mark(predictions []*futurisysv1.Prediction, what futurisysv1.Recording) {
	for _, prediction := range predictions {
		prediction.Recording = what
	}
}
