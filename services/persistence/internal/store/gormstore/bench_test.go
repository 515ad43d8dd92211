package gormstore_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/futurisys/futurisys/services/persistence/internal/store"
)

// BenchmarkRecord is one transaction of so many predictions.
func BenchmarkRecord(b *testing.B) {
	name := uuid.NewString()
	profile := store.Profile{Department: &name, JobTitle: &name}
	for dialect, url := range urls(b) {
		rows := openMigrated(b, url)
		for _, count := range []int{1, 16, 64, 1000} {
			b.Run(fmt.Sprintf("%s/rows=%d", dialect, count), func(b *testing.B) {
				for b.Loop() {
					batch := make([]store.Prediction, count)
					for i := range batch {
						batch[i] = store.Prediction{ID: uuid.NewString(), Profile: profile, CreateTime: time.Now(), Kind: store.Score}
					}
					if _, err := rows.RecordPredictions(b.Context(), batch, false); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(count*b.N)/b.Elapsed().Seconds(), "rows/s")
			})
		}
	}
}
