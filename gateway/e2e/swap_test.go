package e2e

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/encoding/protojson"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// Under constant load over gRPC and REST versions are swapped, unloaded, loaded and
// rolled back: no call fails, every value is that of the version that it names, and
// the process holds no more memory than before.
func TestSwapsUnderLoadOverTheNetwork(t *testing.T) {
	const swaps, rollbacks, callers = 100, 20, 200 // half of them gRPC, half REST
	s := start(t, options{environment: []string{"ENVIRONMENT=demo", "LOG_LEVEL=warn"}})
	profile := exampleJSON(t, s)
	want := map[int32]float64{}
	for version := int32(1); version <= 2; version++ {
		want[version] = s.predict(t, profile, fmt.Sprintf(`"version": %d,`, version)).GetProbability()
	}
	if math.Abs(want[1]-want[2]) < 1e-3 {
		t.Fatalf("the versions answer alike, %v: the test would see nothing", want)
	}
	load := startLoad(t, s, profile, want, callers)
	swapAll(t, s, 20) // the allocators find their level
	before := s.inferenceMemory(t)
	swapAll(t, s, swaps)
	for i := range rollbacks {
		var model futurisysv1.Model
		s.call(http.MethodPost, "/v1/models/attrition:rollbackAlias", `{"alias": "champion"}`).into(t, &model)
		if model.GetAliases()["champion"] == 0 {
			t.Fatalf("rollback %d: %v", i, &model)
		}
	}
	grown := s.inferenceMemory(t) - before
	load.stop()
	t.Logf("%d calls during %d swaps and %d rollbacks; memory %+d KiB", load.calls.Load(), swaps, rollbacks, grown>>10)
	if grown > 64<<20 {
		t.Errorf("inference grew by %d bytes", grown)
	}
	if load.calls.Load() < callers {
		t.Errorf("only %d calls: that was no load", load.calls.Load())
	}
}

// swapAll makes the champion alternate; every other time the version that is not
// champion is unloaded, so that the next swap loads it.
func swapAll(t *testing.T, s *stack, swaps int) {
	t.Helper()
	s.call(http.MethodPost, "/v1/models/attrition:setAlias", `{"alias": "challenger", "version": 0}`).into(t, &futurisysv1.Model{})
	for i := range swaps {
		next, old := i%2+1, (i+1)%2+1
		s.setAlias(t, "champion", next)
		if i%2 == 0 {
			s.call(http.MethodPost, fmt.Sprintf("/v1/models/attrition/versions/%d:unload", old), `{}`).into(t, &futurisysv1.ModelVersion{})
		}
	}
}

// inferenceMemory is how much memory inference holds, in bytes.
func (s *stack) inferenceMemory(t *testing.T) int64 {
	t.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", s.inference.command.Process.Pid))
	if err != nil {
		return 0 // not on this system: the sessions are counted in the registry's own test
	}
	pages, err := strconv.ParseInt(strings.Fields(string(data))[1], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return pages * int64(os.Getpagesize())
}

// load is callers that go on until they are stopped.
type load struct {
	calls   atomic.Int64
	cancel  context.CancelFunc
	callers sync.WaitGroup
}

func (l *load) stop() {
	l.cancel()
	l.callers.Wait()
}

func startLoad(t *testing.T, s *stack, profile string, want map[int32]float64, callers int) *load {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	out := &load{cancel: cancel}
	connection, err := grpc.NewClient(s.grpc, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		out.stop()
		_ = connection.Close()
	})
	var request futurisysv1.PredictRequest
	body := []byte(`{"model": "attrition", "profile": ` + profile + `}`)
	if err := protojson.Unmarshal(body, &request); err != nil {
		t.Fatal(err)
	}
	client := futurisysv1.NewPredictionServiceClient(connection)
	web := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: callers}}
	overGRPC := func() (*futurisysv1.Prediction, error) { return client.Predict(context.Background(), &request) }
	overREST := func() (*futurisysv1.Prediction, error) {
		return post(web, s.web+"/v1/models/attrition:predict", []byte(`{"profile": `+profile+`}`))
	}
	for i := range callers {
		call := overGRPC
		if i%2 == 1 {
			call = overREST
		}
		out.callers.Go(func() {
			for ctx.Err() == nil {
				got, err := call()
				if err != nil {
					t.Errorf("a call failed: %v", err)
					return
				}
				if expected, ok := want[got.GetModelVersion()]; !ok || math.Abs(got.GetProbability()-expected) > 1e-6 {
					t.Errorf("version %d answers %g instead of %g", got.GetModelVersion(), got.GetProbability(), expected)
					return
				}
				out.calls.Add(1)
				time.Sleep(20 * time.Millisecond) // two cores must also load the versions
			}
		})
	}
	return out
}

func post(client *http.Client, url string, body []byte) (*futurisysv1.Prediction, error) {
	response, err := client.Post(url, "application/json", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", response.Status, text)
	}
	var prediction futurisysv1.Prediction
	return &prediction, protojson.Unmarshal(text, &prediction)
}
