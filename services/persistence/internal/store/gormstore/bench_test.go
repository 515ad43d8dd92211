package gormstore_test

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/futurisys/futurisys/services/persistence/internal/store"
)

// BenchmarkRecord is one transaction of so many predictions.
func BenchmarkRecord(b *testing.B) {
	name := uuid.NewString()
	profile := store.Profile{Department: &name, JobTitle: &name}
	for _, count := range []int{1, 64, 1000} {
		b.Run(fmt.Sprintf("sqlite/rows=%d", count), func(b *testing.B) {
			rows := openBenchmark(b, "sqlite:"+filepath.Join(b.TempDir(), "bench.db"))
			for b.Loop() {
				batch := make([]store.Prediction, count)
				for i := range batch {
					batch[i] = store.Prediction{ID: uuid.NewString(), Profile: profile, CreateTime: time.Now()}
				}
				if _, err := rows.RecordPredictions(b.Context(), batch, false); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(count*b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}
