package middleware

import (
	"context"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/futurisys/futurisys/gateway/internal/routes"
)

// Metrics counts requests by route, method and code, and their time.
func Metrics(registry prometheus.Registerer) Middleware {
	duration := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "http_request_duration_seconds", Help: "Time of HTTP requests.",
	}, []string{"route", "method", "code"})
	registry.MustRegister(duration)
	return func(next http.Handler) http.Handler {
		return promhttp.InstrumentHandlerDuration(duration, next, promhttp.WithLabelFromCtx("route", func(ctx context.Context) string {
			route, _ := routes.From(ctx)
			return route.Pattern
		}))
	}
}
