package server_test

import (
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	"github.com/futurisys/futurisys/services/inference/internal/engine/enginetest"
	"github.com/futurisys/futurisys/services/inference/internal/recorder"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

func TestBatchAnswersGoodRowsAndSaysWhatIsWrongWithBadOnes(t *testing.T) {
	a := start(t, recorder.Required)
	good := example(t, a)
	unknown := proto.CloneOf(good)
	unknown.JobTitle = new("Astronaute")
	answer, err := a.predictions.BatchPredict(t.Context(), &futurisysv1.BatchPredictRequest{
		Model: "attrition", Profiles: []*futurisysv1.EmployeeProfile{good, unknown, {}, good},
	})
	if err != nil {
		t.Fatal(err)
	}
	if answer.GetPredictedCount() != 2 || answer.GetFailedCount() != 2 || len(answer.GetResults()) != 4 {
		t.Fatalf("got %v", answer)
	}
	for i, result := range answer.GetResults() {
		if int(result.GetIndex()) != i {
			t.Errorf("result %d has index %d", i, result.GetIndex())
		}
	}
	for _, i := range []int{0, 3} {
		if p := answer.GetResults()[i].GetPrediction(); p.GetBatchId() != answer.GetBatchId() || a.ledger.find(p.GetId()) == nil {
			t.Errorf("row %d: %v", i, p)
		}
	}
	wrong := answer.GetResults()[1].GetError()
	if wrong.GetReason() != futurisysv1.ErrorReason_ERROR_REASON_INVALID_PROFILE || len(wrong.GetViolations()) != 1 || wrong.GetViolations()[0].GetField() != "job_title" {
		t.Errorf("got %v", wrong)
	}
	if empty := answer.GetResults()[2].GetError(); len(empty.GetViolations()) != enginetest.Width {
		t.Errorf("an empty row lacks every feature, got %v", empty)
	}
	for _, count := range []int{0, 10_001} {
		_, err := a.predictions.BatchPredict(t.Context(), &futurisysv1.BatchPredictRequest{
			Model: "attrition", Profiles: make([]*futurisysv1.EmployeeProfile, count),
		})
		refused(t, err, codes.InvalidArgument, "INVALID_ARGUMENT")
	}
}

// A caller that sends one batch in several calls finds it together.
func TestBatchInSeveralCalls(t *testing.T) {
	a := start(t, recorder.Required)
	const batch = "0197f3a0-0000-7000-8000-00000000000A"
	request := &futurisysv1.BatchPredictRequest{Model: "attrition", Profiles: []*futurisysv1.EmployeeProfile{example(t, a)}, BatchId: batch}
	ids := map[string]bool{}
	for range 2 {
		answer, err := a.predictions.BatchPredict(t.Context(), request)
		if err != nil {
			t.Fatal(err)
		}
		prediction := answer.GetResults()[0].GetPrediction()
		ids[prediction.GetId()] = true
		if answer.GetBatchId() != strings.ToLower(batch) || prediction.GetBatchId() != answer.GetBatchId() {
			t.Errorf("got batch %s", prediction.GetBatchId())
		}
	}
	if len(ids) != 2 {
		t.Error("two calls gave one prediction")
	}
	request.BatchId = "mine"
	_, err := a.predictions.BatchPredict(t.Context(), request)
	refused(t, err, codes.InvalidArgument, "INVALID_ARGUMENT")
}

func TestLargestBatchIsAnswered(t *testing.T) {
	a := start(t, recorder.Off)
	profiles := make([]*futurisysv1.EmployeeProfile, 10_000)
	one := example(t, a)
	for i := range profiles {
		profiles[i] = one
	}
	answer, err := a.predictions.BatchPredict(t.Context(), &futurisysv1.BatchPredictRequest{Model: "attrition", Profiles: profiles})
	if err != nil || answer.GetPredictedCount() != 10_000 {
		t.Fatalf("got %d, %v", answer.GetPredictedCount(), err)
	}
	ids := map[string]bool{}
	for _, result := range answer.GetResults() {
		ids[result.GetPrediction().GetId()] = true
	}
	if len(ids) != 10_000 {
		t.Errorf("%d ids for 10,000 predictions", len(ids))
	}
}

func TestEmployeesNeedADatabase(t *testing.T) {
	a := start(t, recorder.Off)
	_, err := a.predictions.PredictEmployees(t.Context(), &futurisysv1.PredictEmployeesRequest{Model: "attrition", EmployeeIds: []int32{1}})
	refused(t, err, codes.NotFound, "NO_DATABASE")
	for _, ids := range [][]int32{nil, {0}, {1, 1}} {
		_, err := a.predictions.PredictEmployees(t.Context(), &futurisysv1.PredictEmployeesRequest{Model: "attrition", EmployeeIds: ids})
		refused(t, err, codes.InvalidArgument, "INVALID_ARGUMENT")
	}
}
