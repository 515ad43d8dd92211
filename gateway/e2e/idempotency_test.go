package e2e

import (
	"fmt"
	"math"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

const predictPath = "/v1/models/attrition:predict"

// keyed predicts with the header Idempotency-Key.
func (s *stack) keyed(t *testing.T, key, body string) answer {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.web+predictPath, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Idempotency-Key", key)
	return s.do(request)
}

// The same request_id with the same row is the same answer: over the header and the
// field, after the champion changed, and after a restart. Another row is refused.
func TestRetryGetsTheFirstAnswer(t *testing.T) {
	databases(t, func(t *testing.T, s *stack) {
		profile := exampleJSON(t, s)
		body := `{"profile": ` + profile + `}`
		var first futurisysv1.Prediction
		s.keyed(t, "key-1", body).into(t, &first)
		if first.GetRequestId() != "key-1" || first.GetRecording() != futurisysv1.Recording_RECORDING_RECORDED {
			t.Fatalf("got %v", &first)
		}
		s.setAlias(t, "champion", 2)
		s.inference.kill()
		s.inference.start()
		s.eventually("the gateway reaches inference", func() bool { return code(s.web+"/v1/models") == http.StatusOK })
		for _, again := range []answer{
			s.keyed(t, "key-1", body),
			s.call(http.MethodPost, predictPath, `{"requestId": "key-1", "profile": `+profile+`}`),
			s.keyed(t, "key-1", `{"requestId": "key-1", "profile": `+profile+`}`),
		} {
			var got futurisysv1.Prediction
			again.into(t, &got)
			if !proto.Equal(&got, &first) {
				t.Errorf("got %v, want %v", &got, &first)
			}
		}
		var example futurisysv1.EmployeeProfile
		if err := protojson.Unmarshal([]byte(profile), &example); err != nil {
			t.Fatal(err)
		}
		// Another version, or another alias, is another question.
		for _, asked := range []string{`"version": 2, `, `"version": 1, `, `"alias": "challenger", `} {
			s.call(http.MethodPost, predictPath, `{"requestId": "key-1", `+asked+`"profile": `+profile+`}`).refused(t, http.StatusConflict, "REQUEST_ID_REUSED")
		}
		s.call(http.MethodPost, predictPath, `{"requestId": "key-1", "alias": "champion", "profile": `+profile+`}`).into(t, &futurisysv1.Prediction{})
		example.Overtime = new(!example.GetOvertime())
		other := `{"profile": ` + protojson.Format(&example) + `}`
		s.keyed(t, "key-1", other).refused(t, http.StatusConflict, "REQUEST_ID_REUSED")
		s.keyed(t, "key-2", `{"requestId": "key-3", "profile": `+profile+`}`).refused(t, http.StatusBadRequest, "INVALID_ARGUMENT")
		s.keyed(t, strings.Repeat("k", 201), body).refused(t, http.StatusBadRequest, "INVALID_ARGUMENT")
		var list futurisysv1.ListPredictionsResponse
		s.call(http.MethodGet, "/v1/predictions", nil).into(t, &list)
		if list.GetTotalSize() != 1 {
			t.Errorf("%d on record", list.GetTotalSize())
		}
	})
}

func TestRetryOfABatchIsTheSameBatch(t *testing.T) {
	databases(t, func(t *testing.T, s *stack) {
		s.upload("", heldOut(), nil).into(t, &futurisysv1.ImportReport{})
		body := `{"requestId": "monday", "employeeIds": [4, 5, 14]}`
		var first, again futurisysv1.PredictEmployeesResponse
		s.call(http.MethodPost, "/v1/models/attrition:predictEmployees", body).into(t, &first)
		// What HR changes in between does not make another question of it.
		s.call(http.MethodPatch, "/v1/employees/4?updateMask=profile.jobLevel", `{"profile": {"jobLevel": 1}}`).into(t, &futurisysv1.Employee{})
		s.call(http.MethodPost, "/v1/models/attrition:predictEmployees", body).into(t, &again)
		if !proto.Equal(&first, &again) || first.GetBatchId() == "" {
			t.Errorf("got %v, want %v", &again, &first)
		}
		s.call(http.MethodPost, "/v1/models/attrition:predictEmployees", `{"requestId": "monday", "employeeIds": [21]}`).into(t, &again)
		if reason := again.GetResults()[0].GetError().GetReason(); reason != futurisysv1.ErrorReason_ERROR_REASON_REQUEST_ID_REUSED {
			t.Errorf("other ids: got %v", &again)
		}
		var list futurisysv1.ListPredictionsResponse
		s.call(http.MethodGet, "/v1/predictions", nil).into(t, &list)
		if list.GetTotalSize() != 3 {
			t.Errorf("%d on record", list.GetTotalSize())
		}
	})
}

// Two callers with the same request_id at once: one row, one answer.
func TestSameRequestAtOnce(t *testing.T) {
	databases(t, func(t *testing.T, s *stack) {
		body := `{"profile": ` + exampleJSON(t, s) + `}`
		answers := make([]futurisysv1.Prediction, 20)
		var group sync.WaitGroup
		for i := range answers {
			group.Go(func() { s.keyed(t, "at-once", body).into(t, &answers[i]) })
		}
		group.Wait()
		for i := range answers {
			if !proto.Equal(&answers[i], &answers[0]) {
				t.Errorf("caller %d got %v, caller 0 %v", i, &answers[i], &answers[0])
			}
		}
	})
}

// Two copies answer one request during an outage with different versions: the first
// to arrive is the record, the other is listed beside it.
func TestConflictIsListed(t *testing.T) {
	databases(t, func(t *testing.T, s *stack) {
		other := s.secondInference(t)
		profile := exampleJSON(t, s)
		ask := func(web string, version int) *futurisysv1.Prediction {
			t.Helper()
			body := fmt.Sprintf(`{"requestId": "split", "version": %d, "profile": %s}`, version, profile)
			got, err := post(http.DefaultClient, web+predictPath, []byte(body))
			if err != nil {
				t.Fatal(err)
			}
			return got
		}
		s.persistence.stop()
		first, second := ask(s.web, 1), ask(other, 2)
		if first.GetId() != second.GetId() || math.Abs(first.GetProbability()-second.GetProbability()) < 1e-6 {
			t.Fatalf("got %v and %v", first, second)
		}
		s.persistence.start()
		var conflicts futurisysv1.ListPredictionConflictsResponse
		s.eventually("the conflict arrives", func() bool {
			answer := s.call(http.MethodGet, "/v1/predictionConflicts", nil)
			if answer.code != http.StatusOK {
				return false
			}
			answer.into(t, &conflicts)
			return conflicts.GetTotalSize() == 1
		})
		var kept futurisysv1.Prediction
		s.call(http.MethodGet, "/v1/predictions/"+first.GetId(), nil).into(t, &kept)
		beside := conflicts.GetConflicts()[0].GetPrediction()
		got := map[int32]float64{kept.GetModelVersion(): kept.GetProbability(), beside.GetModelVersion(): beside.GetProbability()}
		if got[1] != first.GetProbability() || got[2] != second.GetProbability() {
			t.Errorf("on record %v, beside it %v", &kept, beside)
		}
	})
}

// secondInference starts another copy of inference with a gateway of its own, and
// returns the gateway's address.
func (s *stack) secondInference(t *testing.T) string {
	t.Helper()
	ports := freePorts(t, 4)
	copied := &stack{t: t, web: "http://" + ports[0], environment: append(append([]string{}, s.environment...),
		"GATEWAY_HTTP_ADDR="+ports[0], "GATEWAY_ADMIN_ADDR="+ports[1],
		"INFERENCE_GRPC_ADDR="+ports[2], "INFERENCE_ADMIN_ADDR="+ports[3], "INFERENCE_TARGET="+ports[2],
		"OUTBOX_DIR="+t.TempDir())}
	copied.inference = copied.launch("inference", "http://"+ports[3])
	copied.gateway = copied.launch("gateway", copied.web)
	return copied.web
}

// A batch belongs to its caller: what two call by the same id are two batches, and each goes on
// with his own.
func TestBatchesBelongToTheirCallers(t *testing.T) {
	g := newGuarded(t)
	callers := map[string]string{"ana": g.newKey(t, "--role", "analyst", "--owner", "ana"), "bob": g.newKey(t, "--role", "analyst", "--owner", "bob")}
	g.stack = start(t, options{database: sqliteURL(t), environment: g.settings})
	chosen := uuid.NewString()
	batches := map[string]string{}
	for name, key := range callers {
		g.key = key
		id := chosen
		for range 2 { // the second time by the id of the answer
			answer := &futurisysv1.BatchPredictResponse{}
			g.call(http.MethodPost, "/v1/models/attrition:batchPredict", `{"batchId": "`+id+`", "profiles": [`+exampleJSON(t, g.stack)+`]}`).into(t, answer)
			id = answer.GetBatchId()
		}
		batches[name] = id
		list := &futurisysv1.ListPredictionsResponse{}
		g.call(http.MethodGet, "/v1/predictions?batchId="+id, nil).into(t, list)
		if list.GetTotalSize() != 2 {
			t.Errorf("%s has %d of 2 rows in the batch", name, list.GetTotalSize())
		}
	}
	if batches["ana"] == batches["bob"] {
		t.Error("two callers share a batch")
	}
}
