package e2e

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"

	internalv1 "github.com/futurisys/futurisys/proto/gen/futurisys/internalapi/v1"
	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// maxGrowth is how much more memory a program may take while somebody sends what he should
// not. Beside other tests, where collections come when they can, it is twice that.
const maxGrowth = 200 << 20

// maxKept is how much of it may be left a minute later.
const maxKept = 50 << 20

// honest is a caller who asks for a prediction every 50 ms, whatever others do.
type honest struct {
	latencies []time.Duration
	failures  []string
	stop      func()
}

func (s *stack) honestCaller(t *testing.T) *honest {
	t.Helper()
	h, body := &honest{}, []byte(`{"profile": `+exampleJSON(t, s)+`}`)
	web := &http.Client{Timeout: time.Minute}
	ended, asked := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(asked)
		for {
			select {
			case <-ended:
				return
			case <-time.After(50 * time.Millisecond):
			}
			start := time.Now()
			got, err := post(web, s.web+"/v1/models/attrition:predict", body)
			h.latencies = append(h.latencies, time.Since(start))
			if err != nil {
				h.failures = append(h.failures, err.Error())
			} else if got.GetRecording() != futurisysv1.Recording_RECORDING_RECORDED {
				h.failures = append(h.failures, got.GetRecording().String())
			}
		}
	}()
	h.stop = sync.OnceFunc(func() {
		close(ended)
		<-asked
		slices.Sort(h.latencies)
	})
	t.Cleanup(h.stop)
	return h
}

// rawBytes sends a message as it is.
type rawBytes struct{}

func (rawBytes) Marshal(v any) ([]byte, error) { return *v.(*[]byte), nil }
func (rawBytes) Unmarshal([]byte, any) error   { return nil }
func (rawBytes) Name() string                  { return "proto" }

// peakMemory is the most that a program has taken since reset, in bytes.
func peakMemory(t *testing.T, p *program, reset bool) int64 {
	t.Helper()
	folder := fmt.Sprintf("/proc/%d/", p.command.Process.Pid)
	data, err := os.ReadFile(folder + "status")
	if err != nil {
		return 0 // not on this system
	}
	if reset {
		_ = os.WriteFile(folder+"clear_refs", []byte("5"), 0) // where it cannot be, the peak only grows
	}
	for line := range strings.Lines(string(data)) {
		if rest, is := strings.CutPrefix(line, "VmHWM:"); is {
			kib, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return kib << 10
		}
	}
	return 0
}

// attack is something that no caller should send.
type attack struct {
	name string
	run  func(t *testing.T, s *stack)
}

// dial connects to a service of the stack as a program of another language would.
func dial(t *testing.T, target string) *grpc.ClientConn {
	t.Helper()
	connection, err := grpc.NewClient(target, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallSendMsgSize(1<<30), grpc.MaxCallRecvMsgSize(1<<30)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = connection.Close() })
	return connection
}

// sendRaw sends bytes as a message and wants them refused with a code.
func sendRaw(t *testing.T, s *stack, method string, message []byte, want codes.Code) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := dial(t, s.grpc).Invoke(ctx, method, &message, &message, grpc.ForceCodec(rawBytes{})); status.Code(err) != want {
		t.Errorf("got %.300v, want %s", err, want)
	}
}

// postJSON sends a body and wants it refused, in few words.
func postJSON(t *testing.T, s *stack, path, body string, want int) {
	t.Helper()
	const fewWords = 4 << 10
	if got := s.call(http.MethodPost, path, body); got.code != want || len(got.body) > fewWords {
		t.Errorf("got %d, want %d, and %d bytes: %.300s", got.code, want, len(got.body), got.body)
	}
}

// importOf uploads a file of a header and 63 times a text of a mebibyte, and wants to be told
// what is wrong with it.
func importOf(t *testing.T, s *stack, header, mebibyte string) {
	t.Helper()
	read, write := io.Pipe()
	form := multipart.NewWriter(write)
	go func() {
		part, err := form.CreateFormFile("joined", "joined.csv")
		if err == nil {
			_, err = io.WriteString(part, header)
		}
		for range 63 {
			if err == nil {
				_, err = io.WriteString(part, mebibyte)
			}
		}
		write.CloseWithError(firstError(err, form.Close()))
	}()
	got := s.send(http.MethodPost, "/v1/employees:import?validateOnly=true", form.FormDataContentType(), read)
	if got.code != http.StatusOK || len(got.body) > 100<<10 {
		t.Errorf("got %d, and %d bytes: %.300s", got.code, len(got.body), got.body)
	}
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// connections opens 1,000 connections that send a text and then nothing.
func connections(t *testing.T, address, text string) {
	t.Helper()
	for range 1_000 {
		connection, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = connection.Close() })
		_, _ = io.WriteString(connection, text)
	}
	time.Sleep(time.Second)
}

func web(s *stack) string { return strings.TrimPrefix(s.web, "http://") }

func attacks() []attack {
	const batch, predict = "/v1/models/attrition:batchPredict", "/v1/models/attrition:predict"
	row := protowire.AppendBytes(protowire.AppendTag(nil, 4, protowire.BytesType), nil)
	return []attack{
		{"63 MiB of commas", func(t *testing.T, s *stack) { importOf(t, s, "", strings.Repeat(",", 1<<20)) }},
		{"63 MiB of empty lines", func(t *testing.T, s *stack) { importOf(t, s, "a,b\n", strings.Repeat("\n", 1<<20)) }},
		{"63 MiB of rows", func(t *testing.T, s *stack) {
			importOf(t, s, "a,b\n", strings.Repeat(strings.Repeat("x", 54)+",2\n", 18_000))
		}},
		{"63 MiB of one field", func(t *testing.T, s *stack) { importOf(t, s, "a,b\n\"", strings.Repeat("x", 1<<20)) }},
		{"8 million empty profiles", func(t *testing.T, s *stack) {
			sendRaw(t, s, futurisysv1.PredictionService_BatchPredict_FullMethodName, bytes.Repeat(row, 8_000_000), codes.InvalidArgument)
		}},
		{"10 million ids", func(t *testing.T, s *stack) {
			ids := protowire.AppendBytes(protowire.AppendTag(nil, 4, protowire.BytesType), bytes.Repeat([]byte{1}, 10_000_000))
			sendRaw(t, s, futurisysv1.PredictionService_PredictEmployees_FullMethodName, ids, codes.ResourceExhausted)
		}},
		{"70 MB of no message", func(t *testing.T, s *stack) {
			sendRaw(t, s, futurisysv1.PredictionService_BatchPredict_FullMethodName, make([]byte, 70<<20), codes.ResourceExhausted)
		}},
		{"16 MiB of empty objects", func(t *testing.T, s *stack) {
			postJSON(t, s, batch, `{"profiles": [{}`+strings.Repeat(",{}", 5_500_000)+`]}`, http.StatusBadRequest)
		}},
		{"100,000 levels of JSON", func(t *testing.T, s *stack) {
			postJSON(t, s, predict, `{"profile": `+strings.Repeat("[", 100_000)+strings.Repeat("]", 100_000)+`}`, http.StatusBadRequest)
		}},
		{"a compressed bomb", func(t *testing.T, s *stack) {
			var small bytes.Buffer
			packed := gzip.NewWriter(&small)
			_, _ = io.Copy(packed, io.LimitReader(zeros{}, 1<<30))
			_ = packed.Close()
			request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.web+predict, &small)
			if err != nil {
				t.Fatal(err)
			}
			request.Header.Set("Content-Type", "application/json")
			request.Header.Set("Content-Encoding", "gzip")
			if got := s.do(request); got.code < 400 || got.code >= 500 {
				t.Errorf("got %d %.300s", got.code, got.body)
			}
		}},
		{"headers of 1 MiB", func(t *testing.T, s *stack) {
			request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.web+"/v1/models", http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			request.Header.Set("X-Large", strings.Repeat("x", 1<<20))
			answer, err := http.DefaultClient.Do(request)
			if err != nil {
				return // cut off while it was still sending
			}
			_ = answer.Body.Close()
			if answer.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
				t.Errorf("got %d", answer.StatusCode)
			}
		}},
		{"1,000 halves of headers", func(t *testing.T, s *stack) { connections(t, web(s), "GET / HTTP/1.1\r\nHost: x\r\nX-") }},
		{"5,000 large halves of headers", func(t *testing.T, s *stack) {
			for range 5 {
				connections(t, web(s), "GET / HTTP/1.1\r\nHost: x\r\n"+strings.Repeat("x: y\r\n", 10_000))
			}
		}},
		{"2,000 beginnings of bodies", func(t *testing.T, s *stack) {
			for range 2 {
				connections(t, web(s), "POST "+predict+" HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{")
			}
		}},
		{"a batch that comes byte by byte", func(t *testing.T, s *stack) {
			body := "{" + strings.Repeat(" ", 1<<20)
			slow, err := new(net.Dialer).DialContext(t.Context(), "tcp", web(s))
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = slow.Close() }()
			_, _ = fmt.Fprintf(slow, "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n", batch)
			for range 15 {
				_, _ = fmt.Fprintf(slow, "%x\r\n%s\r\n", len(body), body)
			}
			whole := `{"profiles": [` + strings.Repeat(exampleJSON(t, s)+",", 4_999) + exampleJSON(t, s) + `]}`
			s.eventually("a batch is answered beside one that does not end", func() bool {
				return s.call(http.MethodPost, batch, whole).code == http.StatusOK
			})
		}},
		{"15,000 calls without their message", func(t *testing.T, s *stack) {
			for range 15 {
				peer := unfinished(t, s.grpc)
				for range 1_000 {
					peer.begin(futurisysv1.PredictionService_Predict_FullMethodName, 1000, 0)
				}
			}
			time.Sleep(time.Second)
			if goroutines := value(t, s.metrics("inference"), "go_goroutines", nil); goroutines > 5_000 {
				t.Errorf("%v goroutines", goroutines)
			}
		}},
		{"20 batches of 64 MiB that do not end", func(t *testing.T, s *stack) {
			peer := unfinished(t, s.grpc)
			for range 20 {
				peer.begin(futurisysv1.PredictionService_BatchPredict_FullMethodName, 64<<20, 60<<20)
			}
		}},
		{"20 batches of 16 MiB that do not end", func(t *testing.T, s *stack) {
			peer := unfinished(t, s.grpc)
			for range 20 {
				peer.begin(futurisysv1.PredictionService_BatchPredict_FullMethodName, 16<<20, 15<<20)
			}
		}},
		{"12 recordings that do not end", func(t *testing.T, s *stack) {
			peer := unfinished(t, s.setting("PERSISTENCE_GRPC_ADDR"))
			for range 12 {
				peer.begin(internalv1.RecordingService_RecordPredictions_FullMethodName, 64<<20, 60<<20)
			}
		}},
		{"10,000 idle connections", func(t *testing.T, s *stack) {
			for range 4 {
				connections(t, web(s), "")
				connections(t, s.grpc, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00")
			}
			connections(t, s.setting("PERSISTENCE_GRPC_ADDR"), "")
			connections(t, s.setting("PERSISTENCE_GRPC_ADDR"), "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00")
		}},
		{"streams without an end", func(t *testing.T, s *stack) {
			for range 4 {
				client := futurisysv1.NewPredictionServiceClient(dial(t, s.grpc))
				for range 250 { // beyond it the connection itself lets none begin
					if _, err := client.StreamPredict(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
			}
			time.Sleep(time.Second)
		}},
		{"15,000 who watch its health", func(t *testing.T, s *stack) {
			for range 60 {
				client := grpc_health_v1.NewHealthClient(dial(t, s.grpc))
				for range 250 {
					if _, err := client.Watch(t.Context(), &grpc_health_v1.HealthCheckRequest{}); err != nil {
						t.Fatal(err)
					}
				}
			}
			time.Sleep(time.Second)
		}},
		{"20,000 calls that are reset", func(t *testing.T, s *stack) {
			for range 10 {
				peer := unfinished(t, s.grpc)
				for range 2_000 {
					peer.reset(futurisysv1.PredictionService_Predict_FullMethodName, 32<<10, 1000)
				}
			}
		}},
		{"imports without an end", func(t *testing.T, s *stack) {
			client := futurisysv1.NewEmployeeServiceClient(dial(t, s.setting("PERSISTENCE_GRPC_ADDR")))
			chunk := &futurisysv1.ImportEmployeesRequest{Content: &futurisysv1.ImportEmployeesRequest_Chunk{Chunk: &futurisysv1.ImportChunk{
				Kind: futurisysv1.ImportFileKind_IMPORT_FILE_KIND_JOINED, Data: make([]byte, 1<<20),
			}}}
			for range 15 {
				stream, err := client.ImportEmployees(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				for range 60 {
					if err := stream.Send(chunk); err != nil {
						break // refused
					}
				}
			}
		}},
		{"40 explained batches of 10,000 at once", func(t *testing.T, s *stack) {
			body := `{"explain": {}, "profiles": [` + strings.Repeat(exampleJSON(t, s)+",", 9_999) + exampleJSON(t, s) + `]}`
			var callers sync.WaitGroup
			counts := make(chan int, 40)
			for range cap(counts) {
				callers.Go(func() { counts <- s.call(http.MethodPost, batch, body).code })
			}
			callers.Wait()
			close(counts)
			byCode := map[int]int{}
			for code := range counts {
				byCode[code]++
			}
			if byCode[http.StatusOK] == 0 || byCode[http.StatusOK]+byCode[http.StatusServiceUnavailable] != cap(counts) {
				t.Errorf("got %v", byCode)
			}
			t.Logf("answered by code: %v", byCode)
		}},
	}
}

// unfinishedPeer is a connection of calls whose messages do not end.
type unfinishedPeer struct {
	t       *testing.T
	address string
	web     *http.Client
}

func unfinished(t *testing.T, address string) *unfinishedPeer {
	t.Helper()
	protocols := &http.Protocols{}
	protocols.SetUnencryptedHTTP2(true)
	transport := &http.Transport{Protocols: protocols}
	t.Cleanup(transport.CloseIdleConnections)
	return &unfinishedPeer{t, address, &http.Client{Transport: transport}}
}

// begin sends so many bytes of a message that is to have more, for as long as they are taken,
// and at most for a few seconds.
func (p *unfinishedPeer) begin(method string, declared uint32, sent int64) {
	p.t.Helper()
	ctx, cancel := context.WithCancel(p.t.Context())
	header := binary.BigEndian.AppendUint32([]byte{0}, declared)
	read, write := io.Pipe()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+p.address+method, read)
	if err != nil {
		p.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/grpc")
	request.Header.Set("TE", "trailers")
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		answer, err := p.web.Do(request)
		if err == nil {
			_, _ = io.Copy(io.Discard, answer.Body)
			_ = answer.Body.Close()
		}
		_ = read.Close()
	}()
	stop := time.AfterFunc(5*time.Second, func() { _ = read.Close() })
	_, _ = write.Write(header)
	_, _ = io.CopyN(write, zeros{}, sent)
	stop.Stop()
	p.t.Cleanup(func() {
		cancel()
		<-ended
	})
}

// reset begins a call and gives it up at once.
func (p *unfinishedPeer) reset(method string, declared uint32, sent int) {
	p.t.Helper()
	ctx, cancel := context.WithCancel(p.t.Context())
	message := append(binary.BigEndian.AppendUint32([]byte{0}, declared), make([]byte, sent)...)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+p.address+method, &cancelledBody{bytes.NewReader(message), cancel})
	if err != nil {
		p.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/grpc")
	request.Header.Set("TE", "trailers")
	if answer, err := p.web.Do(request); err == nil {
		_ = answer.Body.Close()
	}
	cancel()
}

// cancelledBody is a body whose request is given up when it was read.
type cancelledBody struct {
	*bytes.Reader

	cancel func()
}

func (c *cancelledBody) Read(p []byte) (int, error) {
	if c.Len() == 0 {
		c.cancel()
		return 0, context.Canceled
	}
	return c.Reader.Read(p)
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// Nothing that one caller sends takes the programs down, or keeps another caller from his
// answers.
func TestFaultHostileCallers(t *testing.T) {
	s := start(t, options{database: sqliteURL(t), memory: 512 << 20}) // beyond it the kernel kills
	s.upload("", extracts(), nil).into(t, &futurisysv1.ImportReport{})
	programs := []*program{s.gateway, s.inference, s.persistence}
	t.Logf("each program has 512 MB: %v (else this machine lets us make no cgroup)", s.gateway.cgroup != "")
	alone := os.Getenv("FAULT_ROUNDS") != "" // make test-faults
	allowed := int64(2 * maxGrowth)
	if alone {
		allowed = maxGrowth
	}
	idle := map[string]int64{}
	for _, p := range programs {
		idle[p.name] = peakMemory(t, p, false)
	}
	for _, a := range attacks() {
		t.Run(a.name, func(t *testing.T) {
			before := map[string]int64{}
			for _, p := range programs {
				peakMemory(t, p, true)
				before[p.name] = peakMemory(t, p, false)
			}
			h := s.honestCaller(t)
			time.Sleep(500 * time.Millisecond)
			start := time.Now()
			a.run(t, s)
			took := time.Since(start)
			time.Sleep(500 * time.Millisecond)
			h.stop()
			var grown []string
			for _, p := range programs {
				growth := peakMemory(t, p, false) - before[p.name]
				grown = append(grown, fmt.Sprintf("%s %d+%d MB", p.name, before[p.name]>>20, growth>>20))
				if growth > allowed {
					t.Errorf("%s grows from %d by %d MB", p.name, before[p.name]>>20, growth>>20)
				}
			}
			if len(h.failures) > 0 {
				t.Errorf("%d of %d honest calls failed, the first with %s", len(h.failures), len(h.latencies), h.failures[0])
			}
			t.Logf("%s; %s; %d honest calls, p50 %s, p99 %s", took.Round(time.Millisecond), strings.Join(grown, ", "), len(h.latencies),
				h.latencies[len(h.latencies)/2].Round(100*time.Microsecond), h.latencies[len(h.latencies)*99/100].Round(100*time.Microsecond))
		})
	}
	if !alone {
		return
	}
	// What was taken is given back.
	time.Sleep(time.Minute)
	for _, p := range programs {
		peakMemory(t, p, true)
		now := peakMemory(t, p, false)
		t.Logf("a minute later: %s %d MB", p.name, now>>20)
		if now > idle[p.name]+maxKept {
			t.Errorf("%s keeps %d MB, and had %d MB when it was idle", p.name, now>>20, idle[p.name]>>20)
		}
	}
}
