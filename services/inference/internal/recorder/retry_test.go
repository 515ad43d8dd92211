package recorder_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/futurisys/futurisys/services/inference/internal/outbox"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

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
