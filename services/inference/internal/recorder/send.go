package recorder

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/futurisys/futurisys/services/inference/internal/outbox"
	"github.com/futurisys/futurisys/services/platform/requestid"

	internalv1 "github.com/futurisys/futurisys/proto/gen/futurisys/internalapi/v1"
	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// timeoutPerRow is what a row adds to the time that a commit may take.
const timeoutPerRow = time.Millisecond

// send settles a batch of calls: what came of each is said on it, so that the batch
// itself never fails. It runs without any caller's context: what was
// scored is recorded, whoever still waits.
func (r *Recorder) send(calls []*call) error {
	// What was answered from the outbox and has not arrived yet is the first answer:
	// a retry must not overtake it.
	held, calls := r.held(calls)
	if len(held) > 0 {
		r.keep(held, rowsOf(held), nil)
	}
	if len(calls) == 0 {
		return nil
	}
	rows := rowsOf(calls)
	ctx := requestid.With(context.Background(), calls[0].request) // one of them leads to the others
	var err error
	if !r.unavailable.Load() {
		var earlier map[string]*futurisysv1.Prediction
		if earlier, err = r.commit(ctx, rows, false, r.options.Timeout); err == nil {
			r.metrics.rows.WithLabelValues("recorded").Add(float64(len(rows)))
			r.refusing.Store(0)
			for _, c := range calls {
				c.settle(earlier, futurisysv1.Recording_RECORDING_RECORDED)
			}
			return nil
		}
		if status.Code(err) == codes.InvalidArgument {
			r.sendEach(calls, err)
			return nil
		}
		r.refused.Log(ctx, r.options.Logger, slog.LevelWarn, "persistence does not take predictions",
			slog.Int("requests", len(calls)), slog.Int("rows", len(rows)), slog.String("mode", string(r.options.Mode)), slog.Any("error", err))
		// Only a try that failed says so: who merely found it away may be the last to
		// know that it is back.
		r.unavailable.Store(r.options.Outbox != nil)
	}
	r.keep(calls, rows, err)
	return nil
}

// held parts the calls of which the outbox holds an answer from the others.
func (r *Recorder) held(calls []*call) (held, others []*call) {
	if r.options.Outbox == nil || r.options.Outbox.Empty() {
		return nil, calls
	}
	for _, c := range calls {
		var ids []outbox.ID
		for _, prediction := range c.predictions {
			if id, err := uuid.Parse(prediction.GetId()); err == nil && prediction.GetRequestId() != "" {
				ids = append(ids, outbox.ID(id))
			}
		}
		if len(ids) > 0 && r.options.Outbox.Holds(ids) {
			held = append(held, c)
			continue
		}
		others = append(others, c)
	}
	return held, others
}

func rowsOf(calls []*call) []*futurisysv1.Prediction {
	var rows []*futurisysv1.Prediction
	for _, c := range calls {
		rows = append(rows, c.predictions...)
	}
	return rows
}

// sendEach sends call by call what was refused together: the good ones must not
// suffer for a bad one.
func (r *Recorder) sendEach(calls []*call, err error) {
	if len(calls) == 1 {
		// Its own status would blame the caller.
		calls[0].err = fmt.Errorf("the record refuses a prediction: %v", err) //nolint:errorlint // see above
		r.metrics.rows.WithLabelValues("refused").Add(float64(len(calls[0].predictions)))
		return
	}
	for i := range calls {
		_ = r.send(calls[i : i+1]) // what came of a call is said on the call
	}
}

// commit records rows in one transaction and returns, by id, what was on record
// before. answered: their callers have them.
func (r *Recorder) commit(ctx context.Context, rows []*futurisysv1.Prediction, answered bool, timeout time.Duration) (map[string]*futurisysv1.Prediction, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout+time.Duration(len(rows))*timeoutPerRow)
	defer cancel()
	start := time.Now()
	response, err := r.options.Client.RecordPredictions(ctx, &internalv1.RecordPredictionsRequest{Predictions: rows, Answered: answered})
	r.note(ctx, err == nil || status.Code(err) == codes.InvalidArgument)
	if err != nil {
		return nil, err //nolint:wrapcheck // a status of our own service
	}
	r.metrics.commit.Observe(time.Since(start).Seconds())
	r.metrics.batch.Observe(float64(len(rows)))
	earlier := make(map[string]*futurisysv1.Prediction, len(response.GetEarlier()))
	for _, prediction := range response.GetEarlier() {
		earlier[prediction.GetId()] = prediction
	}
	return earlier, nil
}

// note says whether persistence answered the last commit, and logs when it does again.
func (r *Recorder) note(ctx context.Context, answered bool) {
	if was := r.down.Swap(!answered); was && answered {
		r.options.Logger.InfoContext(ctx, "persistence takes predictions again")
		r.waiting.Store(newOutage()) // the next outage is another one
	}
}

// settle says on each prediction what became of it. One whose id had an answer
// before gives way to it, if that is an answer to the same row.
func (c *call) settle(earlier map[string]*futurisysv1.Prediction, what futurisysv1.Recording) {
	mark(c.predictions, what)
	for i, prediction := range c.predictions {
		first, ok := earlier[prediction.GetId()]
		switch {
		case !ok:
		case sameQuestion(first, prediction):
			c.predictions[i] = proto.CloneOf(first)
			c.predictions[i].Recording = what
			c.predictions[i].CommitSequence = 0 // the first answer did not have it yet
		default:
			c.reused = append(c.reused, i)
		}
	}
}

// sameQuestion says whether two predictions answer the same question: the same row for
// the same version or alias. Of an employee's record the id is the row: the record may
// have changed between two tries, but not the person. first may be from before kinds, sources and what was
// asked for were kept.
func sameQuestion(first, again *futurisysv1.Prediction) bool {
	switch {
	case first.GetModel() != again.GetModel(),
		!samePerson(first, again),
		first.GetKind() != 0 && first.GetKind() != again.GetKind(),
		first.GetProfileSource() != 0 && first.GetProfileSource() != again.GetProfileSource(),
		first.GetRowNumber() != again.GetRowNumber() || first.GetRowId() != again.GetRowId(),
		first.RequestedVersion != nil && first.GetRequestedVersion() != again.GetRequestedVersion():
		return false
	}
	return again.GetProfileSource() == futurisysv1.ProfileSource_PROFILE_SOURCE_RECORD || proto.Equal(first.GetProfile(), again.GetProfile())
}

func samePerson(first, again *futurisysv1.Prediction) bool {
	return (first.EmployeeId == nil) == (again.EmployeeId == nil) && first.GetEmployeeId() == again.GetEmployeeId() &&
		(first.GetEmployeeGeneration() == 0 || first.GetEmployeeGeneration() == again.GetEmployeeGeneration())
}

// keep does what the mode says with rows that persistence did not take. err is why;
// nil: it was not asked, because it is away.
func (r *Recorder) keep(calls []*call, rows []*futurisysv1.Prediction, err error) {
	if r.options.Mode == BestEffort {
		r.answerUnrecorded(calls, len(rows))
		return
	}
	if r.options.Outbox != nil {
		earlier, boxErr := r.put(rows)
		if boxErr == nil {
			r.metrics.rows.WithLabelValues("queued").Add(float64(len(rows)))
			r.refusing.Store(0)
			for _, c := range calls {
				c.settle(earlier, futurisysv1.Recording_RECORDING_QUEUED)
			}
			r.forward.wake()
			return
		}
		r.full.Log(context.Background(), r.options.Logger, slog.LevelError, "the outbox does not take predictions", slog.Int("rows", len(rows)), slog.Any("error", boxErr))
		err = errors.Join(err, boxErr)
		r.forward.wake()
	}
	if r.options.Unrecorded {
		r.answerUnrecorded(calls, len(rows))
		return
	}
	r.metrics.rows.WithLabelValues("refused").Add(float64(len(rows)))
	r.refusing.Store(time.Now().UnixNano())
	for _, c := range calls {
		c.err = ErrUnavailable
		if err != nil {
			c.err = fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
	}
}

func (r *Recorder) answerUnrecorded(calls []*call, rows int) {
	r.metrics.rows.WithLabelValues("not_recorded").Add(float64(rows))
	for _, c := range calls {
		mark(c.predictions, futurisysv1.Recording_RECORDING_NOT_RECORDED)
	}
}
