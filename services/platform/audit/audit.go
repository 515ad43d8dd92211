// Package audit hands what happened at a service to persistence, which keeps it: who signed
// in, and who asked for what he may not. What is answered about persons persistence sees
// itself.
package audit

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/futurisys/futurisys/services/platform/access"
	"github.com/futurisys/futurisys/services/platform/requestid"

	internalv1 "github.com/futurisys/futurisys/proto/gen/futurisys/internalapi/v1"
	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// What people do at the dashboard, besides calling methods.
const (
	SignIn  = "SignIn"
	SignOut = "SignOut"
)

const (
	// queued is how many events may wait to be handed over, and together how many go at once.
	queued, together = 10_000, 500
	// interval is how long others may join an event, and how soon another try is made.
	interval = time.Second
	// callTime is how long a call may take.
	callTime = 5 * time.Second
)

// Forwarder hands events over. Many goroutines may use it.
type Forwarder struct {
	client internalv1.AuditJournalServiceClient // nil: nothing is kept
	log    *slog.Logger
	queue  chan *futurisysv1.AuditEvent
	lost   prometheus.Counter
}

// NewForwarder returns a forwarder to persistence of what a gate refuses, and of what it is
// told; nil: there is no persistence, and each event is a line of the log.
func NewForwarder(gate *access.Gate, persistence *grpc.ClientConn, registry prometheus.Registerer, log *slog.Logger) *Forwarder {
	f := &Forwarder{log: log, queue: make(chan *futurisysv1.AuditEvent, queued), lost: prometheus.NewCounter(prometheus.CounterOpts{
		Name: "futurisys_audit_lost_total", Help: "Audit events that were only logged, because too many wait to be handed over.",
	})}
	registry.MustRegister(f.lost)
	gate.OnRefusal(f.refused)
	if persistence != nil {
		f.client = internalv1.NewAuditJournalServiceClient(persistence)
	}
	return f
}

// Note says that the principal of a context did something.
func (f *Forwarder) Note(ctx context.Context, action string) { f.note(ctx, action, false) }

// refused says that the principal of a context called a method that he may not.
func (f *Forwarder) refused(ctx context.Context, method string) {
	f.note(ctx, method[strings.LastIndexByte(method, '/')+1:], true)
}

func (f *Forwarder) note(ctx context.Context, action string, refused bool) {
	event := &futurisysv1.AuditEvent{
		CreateTime: timestamppb.Now(), Principal: access.Subject(ctx), PrincipalName: access.Name(ctx), Action: action, RequestId: requestid.From(ctx), Refused: refused,
	}
	if f.client != nil {
		select {
		case f.queue <- event:
			return
		default:
			f.lost.Inc()
		}
	}
	f.log.InfoContext(ctx, "audit", "principal", event.GetPrincipal(), "action", action, "refused", refused)
}

// Run hands events over until ctx ends, and then what still waits.
func (f *Forwarder) Run(ctx context.Context) {
	for {
		select {
		case <-time.After(interval):
			f.handOver(ctx)
		case <-ctx.Done():
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTime)
			f.handOver(ctx)
			cancel()
			return
		}
	}
}

// handOver hands over what waits. What is not taken waits on.
func (f *Forwarder) handOver(ctx context.Context) {
	for len(f.queue) > 0 {
		var events []*futurisysv1.AuditEvent
		for len(f.queue) > 0 && len(events) < together {
			events = append(events, <-f.queue)
		}
		call, cancel := context.WithTimeout(ctx, callTime)
		_, err := f.client.AppendAuditEvents(call, &internalv1.AppendAuditEventsRequest{Events: events})
		cancel()
		if err == nil {
			continue
		}
		f.log.WarnContext(ctx, "audit events were not handed over yet", "events", len(f.queue)+len(events), "error", err)
		for _, event := range events {
			select {
			case f.queue <- event:
			default:
				f.lost.Inc()
			}
		}
		return
	}
}
