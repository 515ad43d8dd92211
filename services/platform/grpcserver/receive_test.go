package grpcserver_test

import (
	"context"
	"encoding/binary"
	"io"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/futurisys/futurisys/services/platform/grpcserver"
	"github.com/futurisys/futurisys/services/platform/lifecycle"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// receiver is a server of predictions, and callers who send what a client of gRPC never would.
type receiver struct {
	honest   futurisysv1.PredictionServiceClient
	registry *prometheus.Registry
	web      *http.Client
}

func receive(t *testing.T) *receiver {
	t.Helper()
	service, registry := newHeld(), prometheus.NewRegistry()
	close(service.end)
	server := grpcserver.New(grpcserver.Options{Logger: slog.New(slog.DiscardHandler), Registry: registry, MaxMessageBytes: 64 << 20})
	futurisysv1.RegisterPredictionServiceServer(server, service)
	go func() {
		for range service.began {
			continue // nobody waits for them
		}
	}()
	t.Cleanup(func() { close(service.began) })
	listener := serve(t, server)
	protocols := &http.Protocols{}
	protocols.SetUnencryptedHTTP2(true)
	transport := &http.Transport{
		Protocols:   protocols,
		DialContext: func(context.Context, string, string) (net.Conn, error) { return listener.Dial() },
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &receiver{futurisysv1.NewPredictionServiceClient(dial(t, listener)), registry, &http.Client{Transport: transport}}
}

// frame is the beginning of a message of which so many bytes are declared.
func frame(declared int, content ...byte) []byte {
	header := make([]byte, 5, 5+len(content))
	binary.BigEndian.PutUint32(header[1:], uint32(declared))
	return append(header, content...)
}

// begin sends the beginning of a call, and then, unless it is the end, nothing. The result is
// the status that it is answered with, in time.
func (r *receiver) begin(t *testing.T, method string, begun []byte, end bool) <-chan string {
	t.Helper()
	read, write := io.Pipe()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://test"+method, read)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/grpc")
	request.Header.Set("TE", "trailers")
	code := make(chan string, 1)
	go func() {
		answer, err := r.web.Do(request)
		if err != nil {
			code <- err.Error()
			return
		}
		defer func() { _ = answer.Body.Close() }()
		_, _ = io.Copy(io.Discard, answer.Body)
		if got := answer.Header.Get("Grpc-Status"); got != "" {
			code <- got // without a body
			return
		}
		code <- answer.Trailer.Get("Grpc-Status")
	}()
	_, _ = write.Write(begun)
	if end {
		_ = write.Close()
	}
	t.Cleanup(func() { _ = write.Close() })
	return code
}

// receiving is what is being received, by the server's own count.
func (r *receiver) receiving(t *testing.T, metric string) float64 {
	t.Helper()
	families, err := r.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() == metric {
			value := 0.0
			for _, metric := range family.GetMetric() {
				value += metric.GetGauge().GetValue() + metric.GetCounter().GetValue()
			}
			return value
		}
	}
	t.Fatalf("there is no metric %s", metric)
	return 0
}

const (
	predict      = futurisysv1.PredictionService_Predict_FullMethodName
	batchPredict = futurisysv1.PredictionService_BatchPredict_FullMethodName
)

func onePrediction() *futurisysv1.PredictRequest {
	return &futurisysv1.PredictRequest{Model: "attrition", Profile: profiles(1).GetProfiles()[0]}
}

// Calls whose message does not come keep nobody out: once there are as many as may be, the one
// that has waited longest is ended for each that comes.
func TestCallsWithoutTheirMessageKeepNobodyOut(t *testing.T) {
	r := receive(t)
	const most = 4096
	var ends []<-chan string
	for range most {
		ends = append(ends, r.begin(t, predict, frame(1000), false))
	}
	for until := time.Now().Add(30 * time.Second); r.receiving(t, "futurisys_receiving_requests") < most; time.Sleep(time.Millisecond) {
		if time.Now().After(until) {
			t.Fatal("they are not all received")
		}
	}
	for range 10 {
		if _, err := r.honest.Predict(t.Context(), onePrediction()); err != nil {
			t.Fatalf("beside %d calls without a message: %v", most, err)
		}
	}
	if code := <-ends[0]; code != "14" {
		t.Errorf("the call that was ended: got %s, want 14 (UNAVAILABLE)", code)
	}
	if got := r.receiving(t, "futurisys_receiving_ended_total"); got != 1 {
		t.Errorf("%v calls were ended for one place", got)
	}
}

// What messages hold before they are whole is bounded for all calls together, and a message
// that would be larger than its method's may be is refused before it is sent.
func TestUnfinishedMessagesAreBounded(t *testing.T) {
	r := receive(t)
	for _, method := range []string{predict, batchPredict} {
		if code := <-r.begin(t, method, frame(64<<20), false); code != "8" {
			t.Errorf("%s declares 64 MiB: got %s, want 8 (RESOURCE_EXHAUSTED)", method, code)
		}
	}
	const declared = 15 << 20
	for range 10 {
		r.begin(t, batchPredict, frame(declared, make([]byte, declared-1)...), false)
	}
	if got := r.receiving(t, "futurisys_receiving_bytes"); got == 0 || got > 64<<20 {
		t.Errorf("unfinished messages hold %v bytes", got)
	}
	time.Sleep(300 * time.Millisecond)
	whole, err := proto.Marshal(profiles(10_000))
	if err != nil {
		t.Fatal(err)
	}
	if code := <-r.begin(t, batchPredict, frame(len(whole), whole...), true); code != "0" {
		t.Errorf("a batch beside them: got %s", code)
	}
}

// grpc-go waits for a message for as long as its connection lives.
func TestACallWithoutItsMessageEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := receive(t)
		start := time.Now()
		for _, begun := range [][]byte{{}, frame(100), frame(100, 1, 2, 3), frame(0)} {
			if code := <-r.begin(t, predict, begun, false); code != "4" {
				t.Errorf("%d bytes: got %s, want 4 (DEADLINE_EXCEEDED)", len(begun), code)
			}
		}
		if took := time.Since(start); took != 4*30*time.Second {
			t.Errorf("they ended after %s, and not after 30 s each", took)
		}
		if got := r.receiving(t, "futurisys_receiving_requests"); got != 0 {
			t.Errorf("%v calls are still received", got)
		}
	})
}

func TestMessagesThatAreNone(t *testing.T) {
	r := receive(t)
	compressed := frame(3, 1, 2, 3)
	compressed[0] = 1
	for name, begun := range map[string][]byte{
		"none": {}, "half a header": {0, 0}, "half a message": frame(10, 1, 2), "two": append(frame(0), frame(0)...), "a compressed one": compressed,
	} {
		if code := <-r.begin(t, predict, begun, true); code != "3" {
			t.Errorf("%s: got %s, want 3 (INVALID_ARGUMENT)", name, code)
		}
	}
	if got := r.receiving(t, "futurisys_receiving_requests"); got != 0 {
		t.Errorf("%v calls are still received", got)
	}
	problems, err := testutil.GatherAndLint(r.registry, "futurisys_receiving_requests", "futurisys_receiving_bytes", "futurisys_receiving_ended_total", "futurisys_receiving_refused_total")
	if err != nil || len(problems) > 0 {
		t.Errorf("got %v, %v", problems, err)
	}
}

// An idle stream that holds what another needs is ended, one in use is not.
func TestAnIdleStreamGivesWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := receive(t)
		streams := make([]grpc.BidiStreamingClient[futurisysv1.StreamPredictRequest, futurisysv1.StreamPredictResponse], 160)
		for i := range streams {
			var err error
			if streams[i], err = r.honest.StreamPredict(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Second)
		another, err := r.honest.StreamPredict(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if err := another.CloseSend(); err != nil {
			t.Fatal(err)
		}
		if _, err := another.Recv(); status.Code(err) == codes.Unavailable {
			t.Errorf("beside 160 idle streams: %v", err)
		}
		if got := r.receiving(t, "futurisys_receiving_ended_total"); got != 1 {
			t.Errorf("%v streams were ended for one that came", got)
		}
	})
}

// A full listener closes connections for new ones, and none on which a call is under way.
func TestACallKeepsItsConnection(t *testing.T) {
	plain, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	service, server := newHeld(), newServer(grpcserver.DefaultLimits())
	futurisysv1.RegisterPredictionServiceServer(server, service)
	if err := server.Prepare(); err != nil {
		t.Fatal(err)
	}
	go func() { _ = server.Serve(lifecycle.NewListener(plain, 4)) }()
	t.Cleanup(server.Stop)
	client := func() futurisysv1.PredictionServiceClient {
		connection, err := grpc.NewClient(plain.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = connection.Close() })
		return futurisysv1.NewPredictionServiceClient(connection)
	}
	long := make(chan error)
	go func() { _, err := client().Predict(t.Context(), onePrediction()); long <- err }()
	<-service.began
	stream, err := client().StreamPredict(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	<-service.began
	for range 10 {
		idle, err := new(net.Dialer).DialContext(t.Context(), "tcp", plain.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = idle.Close() })
	}
	another := make(chan error)
	go func() { _, err := client().Predict(t.Context(), onePrediction()); another <- err }()
	<-service.began
	close(service.end)
	for name, ended := range map[string]chan error{"the long call": long, "the one that came": another} {
		if err := <-ended; err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); status.Code(err) == codes.Unavailable {
		t.Errorf("the stream: %v", err)
	}
}

// Who watches the process counts for as long as he does: the oldest makes room.
func TestWatchesAreBounded(t *testing.T) {
	server := newServer(grpcserver.DefaultLimits())
	listener := serve(t, server)
	server.SetReady(true)
	var first grpc_health_v1.Health_WatchClient
	for range 5 {
		client := grpc_health_v1.NewHealthClient(dial(t, listener))
		for range 205 {
			watch, err := client.Watch(t.Context(), &grpc_health_v1.HealthCheckRequest{})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := watch.Recv(); err != nil {
				t.Fatal(err)
			}
			if first == nil {
				first = watch
			}
		}
	}
	if _, err := first.Recv(); err == nil {
		t.Error("the oldest of 1,025 goes on")
	}
}
