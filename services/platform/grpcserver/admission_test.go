package grpcserver_test

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/futurisys/futurisys/services/platform/grpcserver"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// held is a service whose calls wait until they are told to end.
type held struct {
	futurisysv1.UnimplementedPredictionServiceServer

	began chan string
	end   chan struct{}
}

func newHeld() *held { return &held{began: make(chan string, 100), end: make(chan struct{})} }

func (h *held) wait(ctx context.Context, name string) error {
	h.began <- name
	select {
	case <-h.end:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (h *held) Predict(ctx context.Context, _ *futurisysv1.PredictRequest) (*futurisysv1.Prediction, error) {
	return &futurisysv1.Prediction{}, h.wait(ctx, "one")
}

func (h *held) BatchPredict(ctx context.Context, _ *futurisysv1.BatchPredictRequest) (*futurisysv1.BatchPredictResponse, error) {
	return &futurisysv1.BatchPredictResponse{}, h.wait(ctx, "many")
}

func (h *held) StreamPredict(stream grpc.BidiStreamingServer[futurisysv1.StreamPredictRequest, futurisysv1.StreamPredictResponse]) error {
	h.began <- "stream"
	for {
		if _, err := stream.Recv(); err != nil {
			return err
		}
	}
}

func newServer(limits grpcserver.Limits) *grpcserver.Server {
	return grpcserver.New(grpcserver.Options{
		Logger: slog.New(slog.DiscardHandler), Registry: prometheus.NewRegistry(), MaxMessageBytes: 64 << 20, Limits: limits,
	})
}

func serveHeld(t *testing.T, limits grpcserver.Limits) (*held, *grpc.ClientConn) {
	t.Helper()
	service, server := newHeld(), newServer(limits)
	futurisysv1.RegisterPredictionServiceServer(server, service)
	connection := connect(t, server)
	server.SetReady(true)
	return service, connection
}

func profiles(n int) *futurisysv1.BatchPredictRequest {
	request := &futurisysv1.BatchPredictRequest{Model: "attrition"}
	for range n {
		request.Profiles = append(request.Profiles, &futurisysv1.EmployeeProfile{Age: new(int32(40))})
	}
	return request
}

// overloaded fails the test unless a call was refused for what is in flight, with a time
// after which to try again.
func overloaded(t *testing.T, what string, err error) {
	t.Helper()
	retry := false
	for _, detail := range status.Convert(err).Details() {
		if info, is := detail.(*errdetails.RetryInfo); is {
			retry = info.GetRetryDelay().AsDuration() >= time.Second
		}
	}
	if status.Code(err) != codes.Unavailable || reasonOf(err) != "OVERLOADED" || !retry {
		t.Errorf("%s: got %v", what, err)
	}
}

func TestCallsBeyondTheLimitAreRefused(t *testing.T) {
	service, connection := serveHeld(t, grpcserver.Limits{Calls: 2, Rows: 100})
	client := futurisysv1.NewPredictionServiceClient(connection)
	one := &futurisysv1.PredictRequest{Model: "attrition", Profile: profiles(1).GetProfiles()[0]}
	ended := make(chan error, 10)
	for range 2 {
		go func() { _, err := client.Predict(t.Context(), one); ended <- err }()
		<-service.began
	}
	_, err := client.Predict(t.Context(), one)
	overloaded(t, "a third call", err)

	// Calls of many rows have a limit of their own, counted in rows.
	for range 2 {
		go func() { _, err := client.BatchPredict(t.Context(), profiles(50)); ended <- err }()
		<-service.began
	}
	_, err = client.BatchPredict(t.Context(), profiles(2))
	overloaded(t, "rows 101 and 102", err)

	// An explained row counts as two.
	other, elsewhere := serveHeld(t, grpcserver.Limits{Calls: 2, Rows: 100})
	explained := profiles(40)
	explained.Explain = &futurisysv1.ExplainOptions{}
	go func() {
		_, err := futurisysv1.NewPredictionServiceClient(elsewhere).BatchPredict(t.Context(), explained)
		ended <- err
	}()
	<-other.began
	_, err = futurisysv1.NewPredictionServiceClient(elsewhere).BatchPredict(t.Context(), profiles(21))
	overloaded(t, "40 explained rows and 21", err)
	close(other.end)

	// Whoever watches the process is answered.
	if got, err := grpc_health_v1.NewHealthClient(connection).Check(t.Context(), &grpc_health_v1.HealthCheckRequest{}); err != nil || got.GetStatus() != grpc_health_v1.HealthCheckResponse_SERVING {
		t.Errorf("a probe: got %v, %v", got, err)
	}
	close(service.end)
	for range 5 {
		if err := <-ended; err != nil {
			t.Errorf("a call that was let in: got %v", err)
		}
	}
	if _, err := client.Predict(t.Context(), one); err != nil {
		t.Errorf("afterwards: got %v", err)
	}
}

func TestStreamsBeyondTheLimitAreRefused(t *testing.T) {
	service, connection := serveHeld(t, grpcserver.DefaultLimits())
	client := futurisysv1.NewPredictionServiceClient(connection)
	open := func() grpc.BidiStreamingClient[futurisysv1.StreamPredictRequest, futurisysv1.StreamPredictResponse] {
		stream, err := client.StreamPredict(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return stream
	}
	const most = 160
	for range most {
		_ = open()
		<-service.began
	}
	_, err := open().Recv()
	overloaded(t, "one more stream", err)
}

// grpc-go waits for a stream's next message for as long as its connection lives.
func TestAStreamWithoutMessagesEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		service, connection := serveHeld(t, grpcserver.DefaultLimits())
		stream, err := futurisysv1.NewPredictionServiceClient(connection).StreamPredict(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		<-service.began
		start := time.Now()
		for range 3 { // messages keep it open
			time.Sleep(time.Minute)
			if err := stream.Send(&futurisysv1.StreamPredictRequest{Model: "attrition", RequestId: "1", Profile: profiles(1).GetProfiles()[0]}); err != nil {
				t.Fatal(err)
			}
		}
		_, err = stream.Recv()
		if took := time.Since(start); status.Code(err) != codes.DeadlineExceeded || took < 5*time.Minute || took > 6*time.Minute {
			t.Errorf("after %s: got %v", took, err)
		}
	})
}

// One stream that nobody uses held a server that was to stop until the end of its patience.
func TestStreamsEndWithTheServer(t *testing.T) {
	service, server := newHeld(), newServer(grpcserver.DefaultLimits())
	futurisysv1.RegisterPredictionServiceServer(server, service)
	connection := connect(t, server)
	stream, err := futurisysv1.NewPredictionServiceClient(connection).StreamPredict(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	<-service.began
	server.EndStreams()
	server.GracefulStop()
	if _, err := stream.Recv(); status.Code(err) != codes.Unavailable || reasonOf(err) != "UNAVAILABLE" {
		t.Errorf("got %v", err)
	}
}
