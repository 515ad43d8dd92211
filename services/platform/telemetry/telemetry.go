// Package telemetry gives a process its log, its metrics and the address where
// operators look at it.
package telemetry

import (
	"context"
	"io"
	"log/slog"
	"runtime"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/futurisys/futurisys/services/platform/buildinfo"
	"github.com/futurisys/futurisys/services/platform/requestid"
)

// NewLogger returns a log of that level ("debug", "info", "warn", "error") and
// format ("text", "json"). Each line names the service and, where it is logged with the
// context of a request, the request.
func NewLogger(out io.Writer, service, level, format string) *slog.Logger {
	var least slog.Level
	if err := least.UnmarshalText([]byte(level)); err != nil {
		least = slog.LevelInfo
	}
	options := &slog.HandlerOptions{Level: least}
	var lines slog.Handler = slog.NewTextHandler(out, options)
	if format == "json" {
		lines = slog.NewJSONHandler(out, options)
	}
	return slog.New(requestHandler{lines}).With("service", service)
}

// requestHandler adds the request's id to the lines that are about one.
type requestHandler struct{ slog.Handler }

// Handle writes a line.
func (h requestHandler) Handle(ctx context.Context, line slog.Record) error {
	if id := requestid.From(ctx); id != "" {
		line.AddAttrs(slog.String("request_id", id))
	}
	return h.Handler.Handle(ctx, line) //nolint:wrapcheck // slog's own
}

// WithAttrs returns a handler whose lines have these too.
func (h requestHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return requestHandler{h.Handler.WithAttrs(attrs)}
}

// WithGroup returns a handler whose lines have their attributes in a group.
func (h requestHandler) WithGroup(name string) slog.Handler {
	return requestHandler{h.Handler.WithGroup(name)}
}

// NewRegistry returns a registry of metrics with those of the process itself.
func NewRegistry() *prometheus.Registry {
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "futurisys_build_info", Help: "1, by the version of the program and of Go.",
			ConstLabels: prometheus.Labels{"version": buildinfo.Version(), "go": runtime.Version()},
		}, func() float64 { return 1 }),
	)
	return registry
}
