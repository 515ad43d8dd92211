package recorder_test

import (
	"context"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	internalv1 "github.com/futurisys/futurisys/proto/gen/futurisys/internalapi/v1"
	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
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
	after   func()                                 // is called when rows were taken
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
	if l.after != nil {
		l.after()
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
