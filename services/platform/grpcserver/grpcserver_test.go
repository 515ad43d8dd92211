package grpcserver_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
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
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	"github.com/futurisys/futurisys/proto/policy"
	"github.com/futurisys/futurisys/services/platform/grpcserver"

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

func start(t *testing.T) (*models, *grpc.ClientConn, *grpcserver.Server, *log) {
	t.Helper()
	service, lines := &models{}, &log{}
	server := grpcserver.New(grpcserver.Options{
		Logger: slog.New(slog.NewTextHandler(lines, nil)), Registry: prometheus.NewRegistry(), Reflection: true, MaxMessageBytes: 4 << 20,
	})
	futurisysv1.RegisterModelServiceServer(server, service)
	if err := server.Prepare(); err != nil {
		t.Fatal(err)
	}
	listener := bufconn.Listen(1 << 16)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	connection, err := grpc.NewClient("passthrough:///test",
		grpc.WithContextDialer(func(context.Context, string) (net.Conn, error) { return listener.Dial() }),
		grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = connection.Close() })
	return service, connection, server, lines
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
