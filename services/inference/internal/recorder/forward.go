package recorder

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/google/uuid"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/futurisys/futurisys/services/inference/internal/outbox"
	"github.com/futurisys/futurisys/services/platform/guarded"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// How what waits in the outbox is forwarded.
const (
	forwardRows    = 1_000
	forwardTimeout = 10 * time.Second
	firstWait      = 100 * time.Millisecond
	longestWait    = 2 * time.Second
)

// put keeps rows in the outbox. Where a request_id has an answer there already, it
// returns that answer by id.
func (r *Recorder) put(rows []*futurisysv1.Prediction) (map[string]*futurisysv1.Prediction, error) {
	if r.tooMuch() {
		return nil, outbox.ErrFull
	}
	entries := make([]outbox.Entry, len(rows))
	for i, row := range rows {
		id, err := uuid.Parse(row.GetId())
		if err != nil {
			return nil, fmt.Errorf("read the id: %w", err)
		}
		value, err := proto.Marshal(row)
		if err != nil {
			return nil, fmt.Errorf("write the row: %w", err)
		}
		entries[i] = outbox.Entry{Time: row.GetCreateTime().AsTime(), ID: outbox.ID(id), Retried: row.GetRequestId() != "", Value: value}
	}
	there, err := r.options.Outbox.Put(entries)
	if err != nil {
		return nil, err //nolint:wrapcheck // it says what it was doing
	}
	earlier := make(map[string]*futurisysv1.Prediction, len(there))
	for id, value := range there {
		first := &futurisysv1.Prediction{}
		if err := proto.Unmarshal(value, first); err != nil {
			return nil, fmt.Errorf("read a row of the outbox: %w", err)
		}
		earlier[uuid.UUID(id).String()] = first
	}
	return earlier, nil
}

// forwarder brings what the outbox holds to persistence, the oldest first, and
// says when persistence is back.
type forwarder struct {
	recorder *Recorder
	// forwarded are on record, and are still to be deleted.
	forwarded []outbox.Entry
	woken     chan struct{}
	ctx       context.Context
	cancel    context.CancelFunc
	ended     sync.WaitGroup
}

func startForwarder(r *Recorder) *forwarder {
	f := &forwarder{recorder: r, woken: make(chan struct{}, 1)}
	f.ctx, f.cancel = context.WithCancel(context.Background())
	f.wake() // a predecessor may have left something
	f.ended.Go(f.run)
	return f
}

// wake says that there is something to forward.
func (f *forwarder) wake() {
	select {
	case f.woken <- struct{}{}:
	default:
	}
}

// stop ends it; what is in the outbox stays there.
func (f *forwarder) stop() {
	f.cancel()
	f.ended.Wait()
}

func (f *forwarder) run() {
	waits := backoff.NewExponentialBackOff()
	waits.InitialInterval, waits.MaxInterval = firstWait, longestWait
	for {
		select {
		case <-f.woken:
		case <-f.ctx.Done():
			return
		}
		for f.ctx.Err() == nil {
			var more bool
			err := guarded.Call(func() (err error) {
				more, err = f.forwardOnce()
				return err
			})
			if err == nil {
				waits.Reset()
				if !more {
					break
				}
				continue
			}
			f.sayWhatWaits(err)
			select {
			case <-time.After(waits.NextBackOff()):
			case <-f.ctx.Done():
			}
		}
	}
}

// errNotDeleted says that rows stay in the outbox although they are on record.
var errNotDeleted = errors.New("rows that are on record stay in the outbox")

// sayWhatWaits logs what waits in the outbox, and why, as long as it lasts.
func (f *forwarder) sayWhatWaits(err error) {
	r, stats := f.recorder, f.recorder.options.Outbox.Stats()
	line, level, message := r.waiting.Load(), slog.LevelWarn, "predictions wait in the outbox"
	if errors.Is(err, errNotDeleted) {
		line, level, message = r.undeleted, slog.LevelError, "the outbox does not delete predictions that are on record"
	}
	line.Log(f.ctx, r.options.Logger, level, message,
		slog.Int64("rows", stats.Rows), slog.Int64("bytes", stats.Bytes), slog.Int64("max_bytes", stats.MaxBytes), slog.Time("oldest", stats.Oldest), slog.Any("error", err))
}

// forwardOnce forwards the oldest rows and says whether there may be more.
func (f *forwarder) forwardOnce() (more bool, err error) {
	if err := f.deleteForwarded(); err != nil {
		return true, err
	}
	entries, err := f.recorder.options.Outbox.Oldest(forwardRows)
	if err != nil {
		return false, err //nolint:wrapcheck // it says what it was doing
	}
	if len(entries) == 0 {
		// Nothing to try it with: the next call shall.
		f.recorder.unavailable.Store(false)
		return false, nil
	}
	return true, f.forward(entries)
}

// deleteForwarded deletes what is on record, which may take several tries.
func (f *forwarder) deleteForwarded() error {
	if len(f.forwarded) == 0 {
		return nil
	}
	if err := f.recorder.options.Outbox.Delete(f.forwarded); err != nil {
		return fmt.Errorf("%w: %w", errNotDeleted, err)
	}
	f.forwarded = nil
	return nil
}

// forward records entries and then deletes them. Those that do not read, or that the
// record refuses, are set aside one by one, so that the others do not wait for them.
func (f *forwarder) forward(entries []outbox.Entry) error {
	r := f.recorder
	rows := make([]*futurisysv1.Prediction, 0, len(entries))
	good := make([]outbox.Entry, 0, len(entries))
	for _, entry := range entries {
		row := &futurisysv1.Prediction{}
		if err := proto.Unmarshal(entry.Value, row); err != nil {
			if err := f.setAside(entry, nil, err); err != nil {
				return err
			}
			continue
		}
		rows, good = append(rows, row), append(good, entry)
	}
	if len(good) == 0 {
		return nil
	}
	earlier, err := r.commit(context.Background(), rows, true, forwardTimeout)
	switch {
	case err == nil:
		r.metrics.rows.WithLabelValues("forwarded").Add(float64(len(rows)))
		r.refusing.Store(0)
		r.metrics.countConflicts(rows, earlier)
		r.unavailable.Store(false)
		f.forwarded = good
		return f.deleteForwarded()
	case status.Code(err) != codes.InvalidArgument:
		return err
	case len(good) == 1:
		return f.setAside(good[0], rows[0], err)
	}
	half := len(good) / 2 //nolint:mnd // two halves
	if err := f.forward(good[:half]); err != nil {
		return err
	}
	return f.forward(good[half:])
}

// setAside keeps a row that will never be on record in a file, with the reason.
func (f *forwarder) setAside(entry outbox.Entry, row *futurisysv1.Prediction, reason error) error {
	line := asideLine{Reason: reason.Error(), Time: time.Now().UTC()}
	if row == nil {
		line.Bytes = base64.StdEncoding.EncodeToString(entry.Value)
	} else if raw, err := protojson.Marshal(row); err == nil {
		line.Prediction = raw
	}
	text, err := json.Marshal(line)
	if err != nil {
		return fmt.Errorf("set a row aside: %w", err)
	}
	f.recorder.options.Logger.Error("a prediction is set aside: the record refuses it", "id", uuid.UUID(entry.ID).String(), "error", reason)
	f.recorder.metrics.rows.WithLabelValues("set_aside").Inc()
	return f.recorder.options.Outbox.SetAside(entry, text) //nolint:wrapcheck // it says what it was doing
}
