package e2e

import (
	"context"
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
	"google.golang.org/grpc/status"

	"github.com/futurisys/futurisys/services/platform/access"

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
	web := &http.Client{Timeout: time.Minute, Transport: bearer(s.key)}
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

// bearer adds a key to requests; "": none.
type bearer string

// RoundTrip sends a request.
func (b bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	if b != "" {
		r = r.Clone(r.Context())
		r.Header.Set("Authorization", "Bearer "+string(b))
	}
	return http.DefaultTransport.RoundTrip(r)
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

// Nothing that one caller sends takes the programs down, or keeps another caller from his
// answers.
func TestFaultHostileCallers(t *testing.T) {
	s := start(t, options{database: sqliteURL(t), memory: 512 << 20}) // beyond it the kernel kills
	s.upload("", extracts(), nil).into(t, &futurisysv1.ImportReport{})
	programs := []*program{s.gateway, s.inference, s.persistence}
	idle := map[string]int64{}
	for _, p := range programs {
		idle[p.name] = peakMemory(t, p, false)
	}
	s.withstand(t, slices.Concat(contentAttacks(), slowAttacks()))
	if os.Getenv("FAULT_ROUNDS") == "" { // not make test-faults
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

// withstand lets attacks happen beside an honest caller, one after the other: none of his calls
// fails, and no program grows by more than it may.
func (s *stack) withstand(t *testing.T, attacks []attack) {
	t.Helper()
	programs := []*program{s.gateway, s.inference, s.persistence}
	t.Logf("each program has 512 MB: %v (else this machine lets us make no cgroup)", s.gateway.cgroup != "")
	allowed := int64(2 * maxGrowth)
	if os.Getenv("FAULT_ROUNDS") != "" { // make test-faults
		allowed = maxGrowth
	}
	for _, a := range attacks {
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
}

// Where callers must be known, strangers do no more: what they begin is not even read.
func TestFaultHostileStrangers(t *testing.T) {
	g := newGuarded(t)
	g.stack = start(t, options{database: sqliteURL(t), memory: 512 << 20, environment: g.settings})
	g.key = g.keys[access.Analyst]
	g.withstand(t, slowAttacks())
}
