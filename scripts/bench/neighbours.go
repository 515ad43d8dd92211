package main

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// What the single predictions of some callers come to beside others with large calls.
const (
	singleCallers = 8
	batchCallers  = 2
	largeRows     = 10_000
)

// printNeighbours measures single predictions alone and beside callers of large batches, by
// turns.
func printNeighbours(ctx context.Context, out io.Writer, stacks map[string]*stack) error {
	fmt.Fprintf(out, "\n%d callers of single predictions, and beside them %d of batches of %d rows in a loop:\n", singleCallers, batchCallers, largeRows)
	for _, name := range []string{"SQLite", "PostgreSQL"} {
		connection, err := connect(stacks[name].grpc)
		if err != nil {
			return err
		}
		client := futurisysv1.NewPredictionServiceClient(connection)
		model, err := futurisysv1.NewModelServiceClient(connection).GetModel(ctx, &futurisysv1.GetModelRequest{Model: "attrition"})
		if err != nil {
			return fmt.Errorf("read the model: %w", err)
		}
		row := model.GetChampion().GetExampleProfile()
		queued := 0
		var counting sync.Mutex
		single := aCase{"single", singleCallers, 1, "", func(ctx context.Context) error {
			answer, err := client.Predict(ctx, &futurisysv1.PredictRequest{Model: "attrition", Profile: row})
			counting.Lock()
			defer counting.Unlock()
			if answer.GetRecording() == futurisysv1.Recording_RECORDING_QUEUED {
				queued++
			}
			return err //nolint:wrapcheck // it is named by whoever measures
		}}
		large := &futurisysv1.BatchPredictRequest{Model: "attrition"}
		for range largeRows {
			large.Profiles = append(large.Profiles, row)
		}
		var alone, beside []float64
		var slowest []float64
		batches := 0
		for range rounds {
			quiet, err := load(ctx, single)
			if err != nil {
				return err
			}
			stop := batchesInALoop(ctx, client, large)
			busy, err := load(ctx, single)
			batches += stop()
			if err != nil {
				return err
			}
			alone, beside = append(alone, quiet.rate), append(beside, busy.rate)
			slowest = append(slowest, float64(busy.p99)/float64(time.Millisecond))
		}
		fmt.Fprintf(out, "%s: %.0f a second alone, %.0f beside (%.2f), p99 %.1f ms beside, %d went to the outbox; %d batches meanwhile\n",
			name, median(alone), median(beside), median(beside)/median(alone), median(slowest), queued, batches)
	}
	return nil
}

// batchesInALoop sends large calls until it is stopped, and then says how many were answered.
func batchesInALoop(ctx context.Context, client futurisysv1.PredictionServiceClient, large *futurisysv1.BatchPredictRequest) (stop func() int) {
	ctx, cancel := context.WithCancel(ctx)
	var callers sync.WaitGroup
	answered := make([]int, batchCallers)
	for i := range answered {
		callers.Go(func() {
			for ctx.Err() == nil {
				switch _, err := client.BatchPredict(ctx, large); status.Code(err) {
				case codes.OK:
					answered[i]++
				case codes.Unavailable: // too much is in flight
					time.Sleep(100 * time.Millisecond) //nolint:mnd // a moment
				}
			}
		})
	}
	time.Sleep(warmup)
	return func() int {
		cancel()
		callers.Wait()
		sum := 0
		for _, n := range answered {
			sum += n
		}
		return sum
	}
}
