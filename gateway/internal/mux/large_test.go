package mux

import (
	"fmt"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// What is written in parts is what would be written at once.
func TestLargeAnswersAreWrittenWhole(t *testing.T) {
	for _, count := range []int{0, 1, fewResults, fewResults + 1, 3 * fewResults} {
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
		want := proto.CloneOf(answer)
		written, err := newMarshaler(nil).Marshal(answer)
		if err != nil {
			t.Fatal(err)
		}
		var got futurisysv1.BatchPredictResponse
		if err := protojson.Unmarshal(written, &got); err != nil || !proto.Equal(&got, want) {
			t.Errorf("of %d results %d come back: %v", count, len(got.GetResults()), err)
		}
	}
}
