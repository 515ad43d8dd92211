package mux_test

import (
	"fmt"
	"net/http"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// What is written in parts is what would be written at once.
func TestLargeAnswersAreWrittenWhole(t *testing.T) {
	s, handler := open(t, true)
	for _, count := range []int{0, 1, 100, 30_000} {
		s.batch = manyResults(count)
		if large := proto.Size(s.batch) > 600<<10; large != (count > 100) {
			t.Fatalf("%d results are %d bytes", count, proto.Size(s.batch))
		}
		response := ask(t, handler, http.MethodPost, "/v1/models/attrition:batchPredict", `{"profiles": [{}]}`)
		var got futurisysv1.BatchPredictResponse
		if err := protojson.Unmarshal([]byte(response.body), &got); err != nil || !proto.Equal(&got, s.batch) || response.code != http.StatusOK {
			t.Errorf("of %d results %d come back with %d: %v", count, len(got.GetResults()), response.code, err)
		}
	}
}

func manyResults(count int) *futurisysv1.BatchPredictResponse {
	answer := &futurisysv1.BatchPredictResponse{BatchId: `"results":[`, PredictedCount: int32(count)}
	for i := range count {
		result := &futurisysv1.RowResult{Index: int32(i), Outcome: &futurisysv1.RowResult_Prediction{Prediction: &futurisysv1.Prediction{
			Id: fmt.Sprint(i), Probability: float64(i) / 7, RequestId: `a "quoted" é`,
		}}}
		if i%3 == 1 {
			result.Outcome = &futurisysv1.RowResult_Error{Error: &futurisysv1.RowError{Message: "no"}}
		}
		answer.Results = append(answer.Results, result)
	}
	return answer
}
