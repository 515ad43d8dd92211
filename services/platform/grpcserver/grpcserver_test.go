package grpcserver_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/futurisys/futurisys/proto/policy"
	"github.com/futurisys/futurisys/services/platform/apierr"
	"github.com/futurisys/futurisys/services/platform/grpcserver"
	"github.com/futurisys/futurisys/services/platform/requestid"
	"github.com/futurisys/futurisys/services/platform/telemetry"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// models stands for any service: what it answers is set by the test.
type models struct {
	futurisysv1.UnimplementedModelServiceServer

	answer func() (*futurisysv1.Model, error)
	check  func(context.Context) // nil: nothing
}

func (m *models) GetModel(ctx context.Context, _ *futurisysv1.GetModelRequest) (*futurisysv1.Model, error) {
	if m.check != nil {
		m.check(ctx)
	}
	return m.answer()
}

// log is a log that a test reads while the server writes it.
type log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// await waits until the log has a text: grpc-go answers what it cannot receive before any
// interceptor has seen it.
func (l *log) await(t *testing.T, text string) {
	t.Helper()
	for until := time.Now().Add(10 * time.Second); !strings.Contains(l.String(), text); time.Sleep(time.Millisecond) {
		if time.Now().After(until) {
			t.Fatalf("the log does not have %q: %s", text, l)
		}
	}
}

func start(t *testing.T) (*models, *grpc.ClientConn, *grpcserver.Server, *log) {
	t.Helper()
	service, lines := &models{}, &log{}
	server := grpcserver.New(grpcserver.Options{
		Logger: telemetry.NewLogger(lines, "test", "debug", "text"), Registry: prometheus.NewRegistry(), Reflection: true, MaxMessageBytes: 4 << 20,
	})
	futurisysv1.RegisterModelServiceServer(server, service)
	return service, connect(t, server), server, lines
}

// serve serves a server until the test ends.
func serve(t *testing.T, server *grpcserver.Server) *bufconn.Listener {
	t.Helper()
	if err := server.Prepare(); err != nil {
		t.Fatal(err)
	}
	listener := bufconn.Listen(1 << 16)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	return listener
}

// connect serves a server until the test ends, and returns a connection to it.
func connect(t *testing.T, server *grpcserver.Server) *grpc.ClientConn {
	t.Helper()
	return dial(t, serve(t, server))
}

func dial(t *testing.T, listener *bufconn.Listener) *grpc.ClientConn {
	t.Helper()
	connection, err := grpc.NewClient("passthrough:///test",
		grpc.WithContextDialer(func(context.Context, string) (net.Conn, error) { return listener.Dial() }),
		grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = connection.Close() })
	return connection
}

func reasonOf(err error) string {
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok {
			return info.GetReason()
		}
	}
	return ""
}

func TestFaultsAreHiddenAndLogged(t *testing.T) {
	service, connection, _, lines := start(t)
	client := futurisysv1.NewModelServiceClient(connection)
	for name, answer := range map[string]func() (*futurisysv1.Model, error){
		"panic": func() (*futurisysv1.Model, error) { panic("secret of a panic") },
		"error": func() (*futurisysv1.Model, error) { return nil, errors.New("secret of an error") },
	} {
		service.answer = answer
		_, err := client.GetModel(t.Context(), &futurisysv1.GetModelRequest{Model: "x"})
		if status.Code(err) != codes.Internal || reasonOf(err) != "INTERNAL" || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: got %v", name, err)
		}
		if !strings.Contains(lines.String(), "secret of a") {
			t.Errorf("%s: the log does not say what happened: %s", name, lines)
		}
	}
}

// One word leads from an answer to the line about it, in each process that the call went
// through; and why something is unavailable is never lost.
func TestEachCallHasAnIDAndALine(t *testing.T) {
	service, connection, _, lines := start(t)
	client := futurisysv1.NewModelServiceClient(connection)
	for _, test := range []struct {
		answer error
		line   []string // nil: there is none
	}{
		{nil, []string{"level=DEBUG", "code=OK", "method=/futurisys.v1.ModelService/GetModel"}},
		{apierr.New(futurisysv1.ErrorReason_ERROR_REASON_MODEL_NOT_FOUND, "model", "x"), []string{"level=INFO", "code=NotFound", "reason=MODEL_NOT_FOUND"}},
		{fmt.Errorf("%w: %w", apierr.Unavailable("database", time.Second), errors.New("connection refused")), []string{"level=WARN", "code=Unavailable", "connection refused"}},
		{errors.New("out of order"), []string{"level=ERROR", "code=Internal", "out of order"}},
	} {
		id := requestid.Choose("")
		service.answer = func() (*futurisysv1.Model, error) { return &futurisysv1.Model{Name: "x"}, test.answer }
		var header metadata.MD
		_, err := client.GetModel(requestid.ToMetadata(requestid.With(t.Context(), id)), &futurisysv1.GetModelRequest{Model: "x"}, grpc.Header(&header))
		if got := header.Get(requestid.Header); len(got) != 0 {
			t.Errorf("%v: who chose %s is told %s", test.answer, id, got)
		}
		if (err == nil) != (test.answer == nil) {
			t.Errorf("%v: got %v", test.answer, err)
		}
		var named string
		for _, detail := range status.Convert(err).Details() {
			if info, ok := detail.(*errdetails.RequestInfo); ok {
				named = info.GetRequestId()
			}
		}
		if err != nil && named != id {
			t.Errorf("%v: the error is of request %q, want %s", test.answer, named, id)
		}
		line := lineAbout(lines.String(), id)
		for _, part := range test.line {
			if !strings.Contains(line, part) {
				t.Errorf("%v: the line %q does not have %s", test.answer, line, part)
			}
		}
	}
}

// Who chose no id finds the one that was chosen in the answer.
func TestACallerIsToldTheID(t *testing.T) {
	service, connection, _, lines := start(t)
	service.answer = func() (*futurisysv1.Model, error) { return &futurisysv1.Model{Name: "x"}, nil }
	var header metadata.MD
	if _, err := futurisysv1.NewModelServiceClient(connection).GetModel(t.Context(), &futurisysv1.GetModelRequest{Model: "x"}, grpc.Header(&header)); err != nil {
		t.Fatal(err)
	}
	if got := header.Get(requestid.Header); len(got) != 1 || lineAbout(lines.String(), got[0]) == "" {
		t.Errorf("got %v: %s", got, lines)
	}
}

func lineAbout(lines, id string) string {
	for line := range strings.Lines(lines) {
		if strings.Contains(line, "request_id="+id) {
			return line
		}
	}
	return ""
}

// A caller should hear from the server that its time is over, and not from its own clock.
func TestAServerAnswersBeforeItsCallerStopsWaiting(t *testing.T) {
	service, connection, _, _ := start(t)
	const allowed = 10 * time.Second
	service.check = func(ctx context.Context) {
		if deadline, _ := ctx.Deadline(); time.Until(deadline) > allowed-40*time.Millisecond {
			t.Errorf("%s are left of %s", time.Until(deadline), allowed)
		}
	}
	service.answer = func() (*futurisysv1.Model, error) { return &futurisysv1.Model{Name: "x"}, nil }
	ctx, cancel := context.WithTimeout(t.Context(), allowed)
	defer cancel()
	if _, err := futurisysv1.NewModelServiceClient(connection).GetModel(ctx, &futurisysv1.GetModelRequest{Model: "x"}); err != nil {
		t.Error(err)
	}
}

func TestRulesAreKeptBeforeTheHandler(t *testing.T) {
	service, connection, _, _ := start(t)
	service.answer = func() (*futurisysv1.Model, error) {
		t.Error("the handler must not see a request that breaks its rules")
		return nil, nil
	}
	_, err := futurisysv1.NewModelServiceClient(connection).GetModel(t.Context(), &futurisysv1.GetModelRequest{Model: strings.Repeat("x", 101)})
	if status.Code(err) != codes.InvalidArgument || reasonOf(err) != "INVALID_ARGUMENT" {
		t.Errorf("got %v", err)
	}
}

// What a policy says holds for those who call without a deadline, and send as much as the
// connection takes.
func TestCallsAreHeldToTheirPolicy(t *testing.T) {
	service, connection, _, _ := start(t)
	client := futurisysv1.NewModelServiceClient(connection)
	service.check = func(ctx context.Context) {
		deadline, bounded := ctx.Deadline()
		if left := time.Until(deadline); !bounded || left > policy.DefaultDeadline || left < policy.DefaultDeadline/2 {
			t.Errorf("%s are left", left)
		}
	}
	service.answer = func() (*futurisysv1.Model, error) { return &futurisysv1.Model{Name: "x"}, nil }
	if _, err := client.GetModel(t.Context(), &futurisysv1.GetModelRequest{Model: "x"}); err != nil {
		t.Fatal(err)
	}
	service.check = func(context.Context) { t.Error("the handler must not see a request that is too large") }
	_, err := client.GetModel(t.Context(), &futurisysv1.GetModelRequest{Model: strings.Repeat("x", policy.DefaultMaxRequestBytes)})
	if status.Code(err) != codes.ResourceExhausted || reasonOf(err) != "TOO_LARGE" {
		t.Errorf("got %v", err)
	}
}

func TestHealthIsByService(t *testing.T) {
	_, connection, server, _ := start(t)
	client := grpc_health_v1.NewHealthClient(connection)
	for _, ready := range []bool{false, true, false} {
		server.SetReady(ready)
		want := grpc_health_v1.HealthCheckResponse_NOT_SERVING
		if ready {
			want = grpc_health_v1.HealthCheckResponse_SERVING
		}
		for _, service := range []string{"", "futurisys.v1.ModelService"} {
			got, err := client.Check(t.Context(), &grpc_health_v1.HealthCheckRequest{Service: service})
			if err != nil || got.GetStatus() != want {
				t.Errorf("ready %v, service %q: got %v, %v", ready, service, got, err)
			}
		}
	}
}

func TestHealthOfAnUnknownServiceIsNotFound(t *testing.T) {
	_, connection, _, lines := start(t)
	_, err := grpc_health_v1.NewHealthClient(connection).Check(t.Context(), &grpc_health_v1.HealthCheckRequest{Service: "nobody"})
	if status.Code(err) != codes.NotFound {
		t.Errorf("got %v", err)
	}
	if strings.Contains(lines.String(), "level=ERROR") {
		t.Errorf("the caller's mistake counts as ours: %s", lines)
	}
}

// raw sends bytes as they are, and takes any answer.
type raw struct{}

func (raw) Marshal(v any) ([]byte, error) { return *v.(*[]byte), nil }
func (raw) Unmarshal([]byte, any) error   { return nil }
func (raw) Name() string                  { return "proto" }

// What does not decode is the caller's mistake, and is seen like any other.
func TestWhatDoesNotDecodeIsSeen(t *testing.T) {
	service, connection, _, lines := start(t)
	service.check = func(context.Context) { t.Error("the handler sees what did not decode") }
	send := func(message []byte) error {
		return connection.Invoke(t.Context(), futurisysv1.ModelService_GetModel_FullMethodName, &message, &message, grpc.ForceCodec(raw{}))
	}
	if err := send([]byte{0xff, 0xff}); status.Code(err) != codes.InvalidArgument || reasonOf(err) != "INVALID_ARGUMENT" {
		t.Errorf("no protobuf: got %v", err)
	}
	lines.await(t, "code=InvalidArgument")
	if err := send(make([]byte, 5<<20)); status.Code(err) != codes.ResourceExhausted {
		t.Errorf("more than a message may have: got %v", err)
	}
	lines.await(t, "code=ResourceExhausted")
}

// predictions is a service with long lists.
type predictions struct {
	futurisysv1.UnimplementedPredictionServiceServer
}

func (predictions) BatchPredict(context.Context, *futurisysv1.BatchPredictRequest) (*futurisysv1.BatchPredictResponse, error) {
	return &futurisysv1.BatchPredictResponse{}, nil
}

func (predictions) PredictEmployees(context.Context, *futurisysv1.PredictEmployeesRequest) (*futurisysv1.PredictEmployeesResponse, error) {
	return &futurisysv1.PredictEmployeesResponse{}, nil
}

// An empty profile is two bytes on the wire and a hundred times that in memory.
func TestListsAreCountedOnTheWire(t *testing.T) {
	server := grpcserver.New(grpcserver.Options{Logger: slog.New(slog.DiscardHandler), Registry: prometheus.NewRegistry(), MaxMessageBytes: 64 << 20})
	futurisysv1.RegisterPredictionServiceServer(server, predictions{})
	connection := connect(t, server)
	client := futurisysv1.NewPredictionServiceClient(connection)
	send := func(method string, message []byte) error {
		return connection.Invoke(t.Context(), method, &message, &message, grpc.ForceCodec(raw{}))
	}
	millions := bytes.Repeat(protowire.AppendBytes(protowire.AppendTag(nil, 4, protowire.BytesType), nil), 5_000_000)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if err := send(futurisysv1.PredictionService_BatchPredict_FullMethodName, millions); reasonOf(err) != "INVALID_ARGUMENT" || !strings.Contains(err.Error(), "at most 10000 items") {
		t.Errorf("millions of profiles: got %v", err)
	}
	runtime.ReadMemStats(&after)
	if grown := (after.TotalAlloc - before.TotalAlloc) >> 20; grown > 200 {
		t.Errorf("%d MB were made of %d MB on the wire", grown, len(millions)>>20)
	}
	// What is sent again and again, of which the last is kept, is as large as it came.
	again := bytes.Repeat(protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), strings.Repeat("x", 100)), 20_000)
	if err := send(futurisysv1.PredictionService_Predict_FullMethodName, again); reasonOf(err) != "TOO_LARGE" {
		t.Errorf("a field that is sent 20,000 times: got %v", err)
	}
	ids := make([]byte, 900_000)
	for i := range ids {
		ids[i] = 1
	}
	packed := protowire.AppendBytes(protowire.AppendTag(nil, 4, protowire.BytesType), ids)
	if err := send(futurisysv1.PredictionService_PredictEmployees_FullMethodName, packed); reasonOf(err) != "INVALID_ARGUMENT" || !strings.Contains(err.Error(), "at most 10000 items") {
		t.Errorf("millions of ids: got %v", err)
	}
	// What is allowed passes: as many profiles as there may be, with all that they have.
	request := &futurisysv1.BatchPredictRequest{Model: "attrition"}
	for range 10_000 {
		request.Profiles = append(request.Profiles, &futurisysv1.EmployeeProfile{JobTitle: new("Consultant"), Age: new(int32(40))})
	}
	if _, err := client.BatchPredict(t.Context(), request); err != nil {
		t.Error(err)
	}
}
