package e2e

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/protobuf/encoding/protowire"

	internalv1 "github.com/futurisys/futurisys/proto/gen/futurisys/internalapi/v1"
	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// contentAttacks are what somebody says whom the programs hear to the end.
func contentAttacks() []attack {
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

// slowAttacks are what somebody begins, and holds by not going on.
func slowAttacks() []attack {
	const batch, predict = "/v1/models/attrition:batchPredict", "/v1/models/attrition:predict"
	return []attack{
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
	}
}
