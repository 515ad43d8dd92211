// Package audit keeps who looked at whom, and who changed what: interceptors that see the
// calls whose policy says that they are audited. What a call changes is kept with the
// change; what it only answers a moment later, through a queue. Where the queue is full,
// nothing is answered.
package audit

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/futurisys/futurisys/proto/policy"
	"github.com/futurisys/futurisys/services/persistence/internal/store"
	"github.com/futurisys/futurisys/services/platform/access"
	"github.com/futurisys/futurisys/services/platform/requestid"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

const (
	// queued is how many events may wait to be kept, those among them of calls under way.
	queued = 4_000
	// together is how many of them are kept in one transaction.
	together = 100
	// retryAfter is when keeping them is tried again.
	retryAfter = time.Second
	// closeTime is how long they may take when the process ends.
	closeTime = 5 * time.Second
)

// Journal keeps events. Many goroutines may use it.
type Journal struct {
	store    store.Audits
	log      *slog.Logger
	policies policy.Policies
	anybody  bool                  // nobody is known
	places   chan struct{}         // one for each event that waits, or may come to
	queue    chan store.AuditEvent // there is always room for who has a place
	refused  prometheus.Counter
}

// New returns a journal. anybody says that callers are not known: then only is kept who was
// erased.
func New(events store.Audits, anybody bool, registry prometheus.Registerer, log *slog.Logger) (*Journal, error) {
	policies, err := policy.Load()
	if err != nil {
		return nil, err //nolint:wrapcheck // it says all there is to say
	}
	j := &Journal{
		store: events, log: log, policies: policies, anybody: anybody,
		places: make(chan struct{}, queued), queue: make(chan store.AuditEvent, queued),
		refused: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "futurisys_audit_refused_total", Help: "Calls that were refused because too many audit events wait to be kept.",
		}),
	}
	registry.MustRegister(j.refused, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "futurisys_audit_waiting", Help: "Audit events that wait to be kept.",
	}, func() float64 { return float64(len(j.queue)) }))
	return j, nil
}

// audited says whether it is kept that a method was called.
func (j *Journal) audited(method string) bool {
	known := j.policies[method]
	return known.GetAudited() && (!j.anybody || known.GetPermission() == futurisysv1.Permission_PERMISSION_EMPLOYEES_ERASE)
}

// begin is the event of a call, in a context for it.
func begin(ctx context.Context, method string) (context.Context, *store.Change) {
	change := &store.Change{AuditEvent: store.AuditEvent{
		Time: time.Now(), Principal: access.Subject(ctx), PrincipalName: access.Name(ctx), Action: method[strings.LastIndexByte(method, '/')+1:], RequestID: requestid.From(ctx),
	}}
	return store.WithChange(ctx, change), change
}

// Unary is the interceptor of calls with one request.
func (j *Journal) Unary(ctx context.Context, request any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	if !j.audited(info.FullMethod) {
		return next(ctx, request)
	}
	if err := j.takePlace(); err != nil {
		return nil, err
	}
	ctx, change := begin(ctx, info.FullMethod)
	answer, err := next(ctx, request)
	// Also that somebody is not there is an answer about her.
	change.EmployeeIDs = append(employees(answer), asked(request)...)
	if change.Kept || err != nil && len(change.EmployeeIDs) == 0 {
		<-j.places
		return answer, err
	}
	if change.Filter == "" {
		change.Filter = filter(request)
	}
	j.queue <- change.AuditEvent
	return answer, err
}

// asked are whom a request names.
func asked(request any) []int32 {
	switch request := request.(type) {
	case interface{ GetEmployee() int32 }:
		if request.GetEmployee() != 0 {
			return []int32{request.GetEmployee()}
		}
	case interface{ GetEmployeeIds() []int32 }:
		return request.GetEmployeeIds()
	}
	return nil
}

// Stream is the interceptor of streams.
func (j *Journal) Stream(service any, stream grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) error {
	if !j.audited(info.FullMethod) {
		return next(service, stream)
	}
	if err := j.takePlace(); err != nil {
		return err
	}
	ctx, change := begin(stream.Context(), info.FullMethod)
	err := next(service, &auditedStream{stream, ctx})
	if change.Kept || err != nil && len(change.EmployeeIDs) == 0 {
		<-j.places
		return err
	}
	j.queue <- change.AuditEvent // an import that was broken off has compared, too
	return err
}

// auditedStream is a stream whose changes are kept.
type auditedStream struct {
	grpc.ServerStream

	ctx context.Context //nolint:containedctx // a ServerStream has one
}

// Context is that of the call.
func (s *auditedStream) Context() context.Context { return s.ctx }

func (j *Journal) takePlace() error {
	select {
	case j.places <- struct{}{}:
		return nil
	default:
		j.refused.Inc()
		return fmt.Errorf("%w: too many audit events wait to be kept", store.ErrUnavailable)
	}
}

// Refused keeps that somebody asked for what he may not, if there is room: he got nothing.
func (j *Journal) Refused(ctx context.Context, method string) {
	if j.takePlace() != nil {
		return
	}
	_, change := begin(ctx, method)
	change.Refused = true
	j.queue <- change.AuditEvent
}

// Run keeps what is queued, until ctx ends.
func (j *Journal) Run(ctx context.Context) {
	for {
		select {
		case event := <-j.queue:
			j.keep(ctx, append([]store.AuditEvent{event}, j.waiting()...))
		case <-ctx.Done():
			return
		}
	}
}

// Close keeps what is still queued when no more calls come.
func (j *Journal) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), closeTime)
	defer cancel()
	for {
		events := j.waiting()
		if len(events) == 0 {
			return nil
		}
		if err := j.store.AppendAuditEvents(ctx, events); err != nil {
			return err //nolint:wrapcheck // it says what it was doing
		}
	}
}

// waiting takes events out of the queue, as many as are kept together.
func (j *Journal) waiting() []store.AuditEvent {
	var events []store.AuditEvent
	for len(events) < together {
		select {
		case event := <-j.queue:
			events = append(events, event)
		default:
			return events
		}
	}
	return events
}

// keep keeps events, however long that takes; when ctx ends they go back to wait for Close.
func (j *Journal) keep(ctx context.Context, events []store.AuditEvent) {
	for {
		err := j.store.AppendAuditEvents(ctx, events)
		if err == nil {
			break
		}
		j.log.Warn("audit events were not kept yet", "events", len(events), "error", err)
		select {
		case <-time.After(retryAfter):
		case <-ctx.Done():
			for _, event := range events {
				j.queue <- event // there is room: they have their places
			}
			return
		}
	}
	for range events {
		<-j.places
	}
}

// employees are whose data an answer holds.
func employees(answer any) []int32 {
	var ids []int32
	add := func(of *futurisysv1.Prediction) {
		if of.GetEmployeeId() != 0 {
			ids = append(ids, of.GetEmployeeId())
		}
	}
	addAll := func(of []*futurisysv1.Employee) {
		for _, one := range of {
			ids = append(ids, one.GetId())
		}
	}
	switch answer := answer.(type) {
	case *futurisysv1.Employee:
		ids = append(ids, answer.GetId())
	case *futurisysv1.ListEmployeesResponse:
		addAll(answer.GetEmployees())
	case *futurisysv1.BatchGetEmployeesResponse:
		addAll(answer.GetEmployees())
	case *futurisysv1.Prediction:
		add(answer)
	case *futurisysv1.ListPredictionsResponse:
		for _, one := range answer.GetPredictions() {
			add(one)
		}
	case *futurisysv1.ListPredictionConflictsResponse:
		for _, one := range answer.GetConflicts() {
			add(one.GetPrediction())
		}
	}
	return ids
}

// filter is what a list was asked for, as JSON; "": all. What was searched for may be a name:
// only that something was is told.
func filter(request any) string {
	message, is := request.(proto.Message)
	if !is || !strings.HasPrefix(string(message.ProtoReflect().Descriptor().Name()), "List") {
		return ""
	}
	asked := proto.Clone(message).ProtoReflect()
	for _, name := range []protoreflect.Name{"page_size", "page_token"} {
		if field := asked.Descriptor().Fields().ByName(name); field != nil {
			asked.Clear(field)
		}
	}
	if field := asked.Descriptor().Fields().ByName("search"); field != nil && asked.Has(field) {
		asked.Set(field, protoreflect.ValueOfString("..."))
	}
	written, err := protojson.Marshal(asked.Interface())
	if err != nil || string(written) == "{}" {
		return ""
	}
	var compact map[string]any // protojson's blanks are not always the same
	if json.Unmarshal(written, &compact) != nil {
		return ""
	}
	written, _ = json.Marshal(compact) //nolint:errchkjson // it was read a moment ago
	return string(written)
}
