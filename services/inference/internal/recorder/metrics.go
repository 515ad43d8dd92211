package recorder

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/futurisys/futurisys/services/inference/internal/outbox"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// metrics are what operators watch of the record.
type metrics struct {
	rows      *prometheus.CounterVec // by outcome
	batch     prometheus.Histogram   // rows of a commit
	commit    prometheus.Histogram   // seconds
	conflicts prometheus.Counter
}

func newMetrics(options Options) *metrics {
	m := &metrics{
		rows: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "futurisys_recording_rows_total",
			Help: "Predictions by what became of their record: recorded, queued, forwarded, not_recorded, refused, set_aside.",
		}, []string{"outcome"}),
		batch: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "futurisys_recording_batch_rows", Help: "Predictions committed together.",
			Buckets: prometheus.ExponentialBuckets(1, 2, 11), //nolint:mnd // 1 to 1,024
		}),
		commit: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "futurisys_recording_commit_seconds", Help: "How long a commit took.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 14), //nolint:mnd // 0.5 ms to 4 s
		}),
		conflicts: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "futurisys_recording_conflicts_total", Help: "Forwarded predictions whose request_id has another answer on record.",
		}),
	}
	for _, outcome := range []string{"recorded", "queued", "forwarded", "not_recorded", "refused", "set_aside"} {
		m.rows.WithLabelValues(outcome)
	}
	options.Registry.MustRegister(m.rows, m.batch, m.commit, m.conflicts)
	if options.Outbox != nil {
		registerOutbox(options)
	}
	return m
}

// registerState registers what is the case just now.
func (r *Recorder) registerState() {
	r.options.Registry.MustRegister(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "futurisys_recording_queue_length", Help: "Calls, and parts of large ones, that wait to be recorded.",
		}, func() float64 { return float64(r.singles.Waiting() + r.parts.Waiting()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "futurisys_recording_persistence_up", Help: "1 while persistence takes predictions, 0 when it did not take the last ones.",
		}, func() float64 {
			if r.down.Load() {
				return 0
			}
			return 1
		}),
	)
}

func registerOutbox(options Options) {
	aside := func() outbox.Aside {
		found, _ := options.Outbox.Aside() // the status says why it cannot be found
		return found
	}
	gauge := func(name, help string, value func() float64) {
		options.Registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value))
	}
	gauge("futurisys_outbox_rows", "Predictions on their way to the database.", func() float64 { return float64(options.Outbox.Stats().Rows) })
	gauge("futurisys_outbox_bytes", "Bytes that the predictions in the outbox take.", func() float64 { return float64(options.Outbox.Stats().Bytes) })
	gauge("futurisys_outbox_max_bytes", "Bytes that the predictions in the outbox may take.", func() float64 { return float64(options.Outbox.Stats().MaxBytes) })
	gauge("futurisys_outbox_max_age_seconds", "Age of its oldest prediction at which the outbox counts as full; 0: any age.", options.MaxAge.Seconds)
	gauge("futurisys_outbox_set_aside_rows", "Predictions that the record refused, kept in a file.", func() float64 { return float64(aside().Rows) })
	gauge("futurisys_outbox_set_aside_files", "Files of an outbox that could not be read, kept aside.", func() float64 { return float64(aside().Files) })
	gauge("futurisys_outbox_oldest_seconds", "Age of the oldest prediction in the outbox.", func() float64 {
		if oldest := options.Outbox.Stats().Oldest; !oldest.IsZero() {
			return time.Since(oldest).Seconds()
		}
		return 0
	})
}

// countConflicts counts the rows that are another answer than the one on record.
func (m *metrics) countConflicts(rows []*futurisysv1.Prediction, earlier map[string]*futurisysv1.Prediction) {
	for _, row := range rows {
		first, ok := earlier[row.GetId()]
		if ok && (!sameQuestion(first, row) || first.GetProbability() != row.GetProbability() || first.GetModelRevision() != row.GetModelRevision()) {
			m.conflicts.Inc()
		}
	}
}
