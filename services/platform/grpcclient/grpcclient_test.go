package grpcclient_test

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/futurisys/futurisys/proto/policy"
	"github.com/futurisys/futurisys/services/platform/apierr"
	"github.com/futurisys/futurisys/services/platform/grpcclient"
	"github.com/futurisys/futurisys/services/platform/requestid"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// employees notes with what each call comes.
type employees struct {
	futurisysv1.UnimplementedEmployeeServiceServer

	left time.Duration
	id   []string
}

func (e *employees) note(ctx context.Context) {
	e.left, e.id = 0, metadata.ValueFromIncomingContext(ctx, requestid.Header)
	if deadline, set := ctx.Deadline(); set {
		e.left = time.Until(deadline)
	}
}

func (e *employees) GetEmployee(ctx context.Context, _ *futurisysv1.GetEmployeeRequest) (*futurisysv1.Employee, error) {
	e.note(ctx)
	return &futurisysv1.Employee{}, nil
}

func (e *employees) BatchGetEmployees(ctx context.Context, _ *futurisysv1.BatchGetEmployeesRequest) (*futurisysv1.BatchGetEmployeesResponse, error) {
	e.note(ctx)
	return &futurisysv1.BatchGetEmployeesResponse{}, nil
}

func (e *employees) ImportEmployees(stream grpc.BidiStreamingServer[futurisysv1.ImportEmployeesRequest, futurisysv1.ImportEmployeesResponse]) error {
	e.note(stream.Context())
	return stream.Send(&futurisysv1.ImportEmployeesResponse{})
}

// serve serves at an address of the loopback, the same one again where it is given.
func serve(t *testing.T, addr string, service futurisysv1.EmployeeServiceServer) (string, *grpc.Server) {
	t.Helper()
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	futurisysv1.RegisterEmployeeServiceServer(server, service)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	return listener.Addr().String(), server
}

func connect(t *testing.T, target string) futurisysv1.EmployeeServiceClient {
	t.Helper()
	connection, err := grpcclient.New("persistence", target, grpcclient.Identity{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = connection.Close() })
	return futurisysv1.NewEmployeeServiceClient(connection)
}

// A call that nobody bounds would wait for ever for a service that hangs.
func TestCallsAreBoundedAndNamed(t *testing.T) {
	service := &employees{}
	addr, _ := serve(t, "127.0.0.1:0", service)
	client := connect(t, addr)
	ctx := requestid.With(context.Background(), "abc")
	if _, err := client.GetEmployee(ctx, &futurisysv1.GetEmployeeRequest{Employee: 1}); err != nil {
		t.Fatal(err)
	}
	if service.left <= 0 || service.left > policy.DefaultDeadline {
		t.Errorf("a call without a deadline has %s", service.left)
	}
	if len(service.id) != 1 || service.id[0] != "abc" {
		t.Errorf("it belongs to %v", service.id)
	}
	short, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if _, err := client.GetEmployee(short, &futurisysv1.GetEmployeeRequest{Employee: 1}); err != nil {
		t.Fatal(err)
	}
	if service.left <= 0 || service.left > 5*time.Second {
		t.Errorf("a call with 5 s has %s", service.left)
	}
	stream, err := client.ImportEmployees(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); err != nil {
		t.Fatal(err)
	}
	if len(service.id) != 1 || service.id[0] != "abc" {
		t.Errorf("the stream belongs to %v", service.id)
	}
	if _, err := client.GetEmployee(context.Background(), &futurisysv1.GetEmployeeRequest{Employee: 1}); err != nil || len(service.id) != 0 {
		t.Errorf("a call of no request belongs to %v: %v", service.id, err)
	}
}

// A service that comes back is found by the connection that there is.
func TestAServiceThatComesBackIsFound(t *testing.T) {
	addr, server := serve(t, "127.0.0.1:0", &employees{})
	client := connect(t, addr)
	ask := func() error {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		_, err := client.GetEmployee(ctx, &futurisysv1.GetEmployeeRequest{Employee: 1})
		return err //nolint:wrapcheck // a status
	}
	if err := ask(); err != nil {
		t.Fatal(err)
	}
	server.Stop()
	err := ask()
	unavailable, is := errors.AsType[*apierr.Error](err)
	if !is || status.Code(err) != codes.Unavailable || unavailable.Parameters[apierr.ServiceKey] != "persistence" || unavailable.RetryAfter == 0 {
		t.Errorf("nobody is there: got %v", err)
	}
	serve(t, addr, &employees{})
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if err = ask(); err == nil {
			return
		}
	}
	t.Errorf("it is back, and the answer is %v", err)
}

func TestATargetThatIsNoneIsRefused(t *testing.T) {
	if _, err := grpcclient.New("persistence", "\x00", grpcclient.Identity{}, nil); err == nil {
		t.Error("no error")
	}
}
