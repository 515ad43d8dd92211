package scoring

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// metrics are what operators watch of scoring.
type metrics struct {
	predictions *prometheus.CounterVec // by model, version and band
	score       prometheus.Histogram   // seconds of a run of the graph
	explain     prometheus.Histogram   // seconds for the reasons of a call
}

func newMetrics(registry prometheus.Registerer) *metrics {
	buckets := prometheus.ExponentialBuckets(0.00001, 4, 11) //nolint:mnd // 10 us to 10 s
	m := &metrics{
		predictions: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "futurisys_predictions_total", Help: "Predictions that were made, by model, version and risk band.",
		}, []string{"model", "version", "band"}),
		score: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "futurisys_scoring_duration_seconds", Help: "Time of one run of a model, for all rows of a call.", Buckets: buckets,
		}),
		explain: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "futurisys_explaining_duration_seconds", Help: "Time to find the reasons of a call's rows.", Buckets: buckets,
		}),
	}
	registry.MustRegister(m.predictions, m.score, m.explain)
	return m
}

func (m *metrics) count(predictions []*futurisysv1.Prediction) {
	for _, p := range predictions {
		m.predictions.WithLabelValues(p.GetModel(), strconv.Itoa(int(p.GetModelVersion())), p.GetRiskBand()).Inc()
	}
}
