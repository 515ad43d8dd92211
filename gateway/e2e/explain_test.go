package e2e

import (
	"fmt"
	"math"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// addsUp checks that an explanation adds up, and means the probability that it stands by.
func addsUp(t *testing.T, e *futurisysv1.Explanation, probability float64) {
	t.Helper()
	sum := e.GetBase() + e.GetRest()
	for _, c := range e.GetContributions() {
		sum += c.GetContribution()
	}
	if math.Abs(sum-e.GetMargin()) > 1e-9 || math.Abs(1/(1+math.Exp(-sum))-probability) > 1e-5 {
		t.Errorf("the shares add up to %g, the margin is %g, the probability %g", sum, e.GetMargin(), probability)
	}
}

// Everybody is explained by both versions, and months later the record says why in the
// same words and figures.
func TestReasonsAreOnRecord(t *testing.T) {
	databases(t, func(t *testing.T, s *stack) {
		s.upload("", heldOut(), nil)
		var list futurisysv1.ListEmployeesResponse
		s.call(http.MethodGet, "/v1/employees?pageSize=294", nil).into(t, &list)
		ids := ""
		for _, employee := range list.GetEmployees() {
			ids += fmt.Sprint(",", employee.GetId())
		}
		for version, method := range map[int]futurisysv1.ExplainMethod{1: futurisysv1.ExplainMethod_EXPLAIN_METHOD_ADDITIVE, 2: futurisysv1.ExplainMethod_EXPLAIN_METHOD_TREE} {
			body := fmt.Sprintf(`{"employeeIds": [%s], "version": %d, "explain": {}}`, ids[1:], version)
			var scored futurisysv1.PredictEmployeesResponse
			s.call(http.MethodPost, "/v1/models/attrition:predictEmployees", body).into(t, &scored)
			if scored.GetPredictedCount() != 294 {
				t.Fatalf("got %d", scored.GetPredictedCount())
			}
			answered := map[string]*futurisysv1.Prediction{}
			for _, result := range scored.GetResults() {
				p := result.GetPrediction()
				answered[p.GetId()] = p
				addsUp(t, p.GetExplanation(), p.GetProbability())
				if p.GetExplanation().GetMethod() != method || len(p.GetExplanation().GetContributions()) != 24 {
					t.Fatalf("version %d: got %v", version, p.GetExplanation())
				}
			}
			var history futurisysv1.ListPredictionsResponse
			s.call(http.MethodGet, "/v1/predictions?pageSize=1000&includeExplanations=true&batchId="+scored.GetBatchId(), nil).into(t, &history)
			if len(history.GetPredictions()) != 294 {
				t.Fatalf("the history has %d", len(history.GetPredictions()))
			}
			for _, recorded := range history.GetPredictions() {
				if difference := cmp.Diff(answered[recorded.GetId()], recorded, protocmp.Transform(), withoutPlace()); difference != "" {
					t.Fatalf("the record is not the answer: %s", difference)
				}
			}
			var one futurisysv1.Prediction
			first := scored.GetResults()[0].GetPrediction()
			s.call(http.MethodGet, "/v1/predictions/"+first.GetId(), nil).into(t, &one)
			if difference := cmp.Diff(first, &one, protocmp.Transform(), withoutPlace()); difference != "" {
				t.Errorf("the record is not the answer: %s", difference)
			}
		}
	})
}

// A what-if changes neither the employee nor the history, and its counterfactual holds.
func TestWhatIfLeavesNoTrace(t *testing.T) {
	databases(t, func(t *testing.T, s *stack) {
		s.upload("", heldOut(), nil)
		var before, after futurisysv1.Employee
		s.call(http.MethodGet, "/v1/employees/4", nil).into(t, &before)
		var answer futurisysv1.ExplainResponse
		s.call(http.MethodPost, "/v1/models/attrition:explain",
			`{"employeeId": 4, "changes": {"overtime": true, "businessTravel": "Frequent", "jobSatisfaction": 1}, "top": 5, "counterfactual": true}`).into(t, &answer)
		addsUp(t, answer.GetScore().GetExplanation(), answer.GetScore().GetProbability())
		addsUp(t, answer.GetChangedScore().GetExplanation(), answer.GetChangedScore().GetProbability())
		if answer.GetChangedScore().GetProbability() <= answer.GetScore().GetProbability() || answer.GetCounterfactual() == nil ||
			len(answer.GetScore().GetExplanation().GetContributions()) != 5 {
			t.Errorf("got %v", &answer)
		}
		s.call(http.MethodGet, "/v1/employees/4", nil).into(t, &after)
		if difference := cmp.Diff(&before, &after, protocmp.Transform()); difference != "" {
			t.Errorf("the employee changed: %s", difference)
		}
		var history futurisysv1.ListPredictionsResponse
		s.call(http.MethodGet, "/v1/predictions", nil).into(t, &history)
		if history.GetTotalSize() != 0 {
			t.Errorf("%d predictions are on record", history.GetTotalSize())
		}
	})
}

// A retry gets the first answer with its reasons, also by way of the outbox.
func TestRetryGetsTheReasonsOfTheFirstAnswer(t *testing.T) {
	s := start(t, options{database: sqliteURL(t)})
	body := `{"profile": ` + exampleJSON(t, s) + `, "requestId": "why", "explain": {"top": 3}}`
	var first, second, recorded futurisysv1.Prediction
	s.persistence.stop()
	s.call(http.MethodPost, "/v1/models/attrition:predict", body).into(t, &first)
	if first.GetRecording() != futurisysv1.Recording_RECORDING_QUEUED || len(first.GetExplanation().GetContributions()) != 3 {
		t.Fatalf("got %v", &first)
	}
	s.persistence.start()
	s.eventually("the record has it", func() bool { return code(s.web+"/v1/predictions/"+first.GetId()) == http.StatusOK })
	s.call(http.MethodPost, "/v1/models/attrition:predict", body).into(t, &second)
	s.call(http.MethodGet, "/v1/predictions/"+first.GetId(), nil).into(t, &recorded)
	for _, again := range []*futurisysv1.Prediction{&second, &recorded} {
		if difference := cmp.Diff(first.GetExplanation(), again.GetExplanation(), protocmp.Transform()); difference != "" || again.GetId() != first.GetId() {
			t.Errorf("another answer: %s", difference)
		}
	}
}
