package middleware

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics counts requests by method and code, and their time.
func Metrics(registry prometheus.Registerer) Middleware {
	duration := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "http_request_duration_seconds", Help: "Time of HTTP requests.",
	}, []string{"method", "code"})
	registry.MustRegister(duration)
	return func(next http.Handler) http.Handler {
		return promhttp.InstrumentHandlerDuration(duration, next)
	}
}
