package e2e

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// pythonScores are the training's own probabilities by a version, by employee.
func pythonScores(t *testing.T, version int) map[int32]float64 {
	t.Helper()
	records, err := csv.NewReader(strings.NewReader(dataFile(t, fmt.Sprintf("scores_%d.csv", version)))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	out := map[int32]float64{}
	for _, record := range records[1:] {
		id, errID := strconv.Atoi(record[0])
		probability, errP := strconv.ParseFloat(record[1], 64)
		if errID != nil || errP != nil {
			t.Fatalf("scores: %v", record)
		}
		out[int32(id)] = probability
	}
	return out
}

// The main job: held-out employees come in, five are asked about, the answer is
// in the history, and it is still there after a restart.
func TestScoreEmployeesOnTheRecord(t *testing.T) {
	databases(t, func(t *testing.T, s *stack) {
		var report futurisysv1.ImportReport
		s.upload("", heldOut(), nil).into(t, &report)
		if report.GetCreatedCount() != 294 {
			t.Fatalf("got %v", &report)
		}
		var list futurisysv1.ListEmployeesResponse
		s.call(http.MethodGet, "/v1/employees?pageSize=5", nil).into(t, &list)
		if list.GetTotalSize() != 294 || len(list.GetEmployees()) != 5 {
			t.Fatalf("got %v", &list)
		}
		var ids []string
		for _, employee := range list.GetEmployees() {
			ids = append(ids, fmt.Sprint(employee.GetId()))
		}
		var scored futurisysv1.PredictEmployeesResponse
		s.call(http.MethodPost, "/v1/models/attrition:predictEmployees", `{"employeeIds": [`+strings.Join(ids, ",")+`]}`).into(t, &scored)
		if scored.GetPredictedCount() != 5 || scored.GetFailedCount() != 0 {
			t.Fatalf("got %v", &scored)
		}
		check := func() {
			t.Helper()
			for i, result := range scored.GetResults() {
				var history futurisysv1.ListPredictionsResponse
				s.call(http.MethodGet, "/v1/employees/"+ids[i]+"/predictions", nil).into(t, &history)
				if difference := cmp.Diff([]*futurisysv1.Prediction{result.GetPrediction()}, history.GetPredictions(), protocmp.Transform(), withoutPlace()); difference != "" {
					t.Fatalf("the history is not the answer: %s", difference)
				}
				var employee futurisysv1.Employee
				s.call(http.MethodGet, "/v1/employees/"+ids[i], nil).into(t, &employee)
				if employee.GetLatestPrediction().GetId() != result.GetPrediction().GetId() {
					t.Errorf("employee %s shows %v", ids[i], employee.GetLatestPrediction())
				}
			}
		}
		check()
		s.persistence.stop()
		s.inference.stop()
		s.persistence.start()
		s.inference.start()
		s.eventually("the gateway reaches persistence again", func() bool { return code(s.web+"/v1/employees") == http.StatusOK })
		check()
	})
}

// Every employee's probability is the training's, through every layer and back, by
// both versions.
func TestAllEmployeesScoreAsInTheTraining(t *testing.T) {
	databases(t, func(t *testing.T, s *stack) {
		var report futurisysv1.ImportReport
		s.upload("", extracts(), nil).into(t, &report)
		if report.GetCreatedCount() != 1470 {
			t.Fatalf("got %v", &report)
		}
		for _, version := range []int{1, 2} {
			s.scoreAll(t, version)
		}
	})
}

// scoreAll scores everybody with a version and compares answers and history with
// the training.
func (s *stack) scoreAll(t *testing.T, version int) {
	t.Helper()
	want := pythonScores(t, version)
	ids := slices.Collect(maps.Keys(want))
	body, err := json.Marshal(map[string]any{"employeeIds": ids, "version": version})
	if err != nil {
		t.Fatal(err)
	}
	var scored futurisysv1.PredictEmployeesResponse
	s.call(http.MethodPost, "/v1/models/attrition:predictEmployees", body).into(t, &scored)
	if scored.GetPredictedCount() != 1470 {
		t.Fatalf("%d of 1470 were scored", scored.GetPredictedCount())
	}
	for i, result := range scored.GetResults() {
		compare(t, result.GetPrediction(), ids[i], want)
	}
	seen, token := 0, ""
	for {
		var page futurisysv1.ListPredictionsResponse
		s.call(http.MethodGet, "/v1/predictions?pageSize=400&batchId="+scored.GetBatchId()+"&pageToken="+token, nil).into(t, &page)
		if page.GetTotalSize() != 1470 || page.GetTotalSizeIsEstimate() {
			t.Fatalf("got total %d", page.GetTotalSize())
		}
		for _, prediction := range page.GetPredictions() {
			compare(t, prediction, prediction.GetEmployeeId(), want)
		}
		seen += len(page.GetPredictions())
		if token = page.GetNextPageToken(); token == "" {
			break
		}
	}
	if seen != 1470 {
		t.Errorf("the history has %d of 1470", seen)
	}
}

func compare(t *testing.T, prediction *futurisysv1.Prediction, id int32, want map[int32]float64) {
	t.Helper()
	if prediction.GetEmployeeId() != id || math.Abs(prediction.GetProbability()-want[id]) > 1e-5 {
		t.Fatalf("employee %d: got %g for %d, the training says %g", id, prediction.GetProbability(), prediction.GetEmployeeId(), want[id])
	}
	if prediction.GetPositive() != (prediction.GetProbability() >= prediction.GetThreshold()) {
		t.Fatalf("employee %d: %g is not judged by %g", id, prediction.GetProbability(), prediction.GetThreshold())
	}
}

func TestBatchOfProfiles(t *testing.T) {
	databases(t, func(t *testing.T, s *stack) {
		good := exampleJSON(t, s)
		body := `{"profiles": [` + good + `, {"department": "Nowhere"}, ` + good + `]}`
		var batch futurisysv1.BatchPredictResponse
		s.call(http.MethodPost, "/v1/models/attrition:batchPredict", body).into(t, &batch)
		if batch.GetPredictedCount() != 2 || batch.GetFailedCount() != 1 {
			t.Fatalf("got %v", &batch)
		}
		wrong := batch.GetResults()[1].GetError()
		if wrong.GetReason() != futurisysv1.ErrorReason_ERROR_REASON_INVALID_PROFILE || !strings.Contains(fmt.Sprint(wrong.GetViolations()), "Consulting") {
			t.Errorf("the allowed values are not listed: %v", wrong)
		}
		var history futurisysv1.ListPredictionsResponse
		s.call(http.MethodGet, "/v1/predictions?batchId="+batch.GetBatchId(), nil).into(t, &history)
		if history.GetTotalSize() != 2 {
			t.Errorf("the history has %d of the batch", history.GetTotalSize())
		}
	})
}

// exampleJSON is a profile that the champion takes.
func exampleJSON(t *testing.T, s *stack) string {
	t.Helper()
	var model struct {
		Champion struct {
			ExampleProfile json.RawMessage `json:"exampleProfile"`
		} `json:"champion"`
	}
	found := s.call(http.MethodGet, "/v1/models/attrition", nil)
	if err := json.Unmarshal(found.body, &model); err != nil || len(model.Champion.ExampleProfile) == 0 {
		t.Fatalf("no example in %s: %v", found.body, err)
	}
	return string(model.Champion.ExampleProfile)
}
