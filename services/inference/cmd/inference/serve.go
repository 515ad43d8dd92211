package main

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"strings"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/futurisys/futurisys/services/inference/internal/engine/ort"
	"github.com/futurisys/futurisys/services/inference/internal/journal"
	"github.com/futurisys/futurisys/services/inference/internal/outbox"
	"github.com/futurisys/futurisys/services/inference/internal/recorder"
	"github.com/futurisys/futurisys/services/inference/internal/registry"
	"github.com/futurisys/futurisys/services/inference/internal/repository"
	"github.com/futurisys/futurisys/services/inference/internal/scoring"
	"github.com/futurisys/futurisys/services/inference/internal/server"
	"github.com/futurisys/futurisys/services/platform/audit"
	"github.com/futurisys/futurisys/services/platform/config"
	"github.com/futurisys/futurisys/services/platform/grpcclient"
	"github.com/futurisys/futurisys/services/platform/grpcserver"
	"github.com/futurisys/futurisys/services/platform/keysource"
	"github.com/futurisys/futurisys/services/platform/lifecycle"
	"github.com/futurisys/futurisys/services/platform/status"
	"github.com/futurisys/futurisys/services/platform/telemetry"

	internalv1 "github.com/futurisys/futurisys/proto/gen/futurisys/internalapi/v1"
	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

type serveCommand struct{}

// Run serves until a signal.
func (serveCommand) Run(s *settings) error {
	uuid.EnableRandPool() // one read of the kernel's randomness for 16 ids
	log := telemetry.NewLogger(os.Stderr, "inference", s.LogLevel, s.LogFormat)
	metrics := telemetry.NewRegistry()

	if err := s.CheckProd(); err != nil {
		return err //nolint:wrapcheck // it names the keys
	}
	runtime, err := s.open()
	if err != nil {
		return err
	}
	defer lifecycle.Close(log, "ONNX Runtime", runtime.Close)
	versions, err := repository.Open(s.ModelRepository, s.Settings, log)
	if err != nil {
		return err //nolint:wrapcheck // it names the key
	}
	who, err := s.Secure()
	if err != nil {
		return err //nolint:wrapcheck // it names the keys
	}
	defer who.Certificates.Close()
	to, err := s.connect(versions.Name(), grpcclient.Identity{Credential: who.Own, Certificates: who.Certificates}, log, metrics)
	if err != nil {
		return err
	}
	defer lifecycle.Close(log, "persistence", to.Close)
	models := registry.New(registry.Options{
		Repository: versions, Runtime: runtime, Journal: s.journal(to.journal, versions.Name()),
		MaxLoaded: s.ModelMaxLoaded, MemoryBudget: s.ModelMemoryBudget << 20, Logger: log, //nolint:mnd // MiB
	})
	defer models.Close()
	record, err := s.newRecorder(to.records, metrics, log)
	if err != nil {
		return err
	}
	defer lifecycle.Close(log, "recorder", record.Close)
	scorer, err := scoring.New(record, metrics)
	if err != nil {
		return err //nolint:wrapcheck // it says what it was doing
	}
	ready := func(context.Context) error { return cmp.Or(models.Ready(), record.Ready()) }

	happened := audit.NewForwarder(who.Gate, to.connection, metrics, log)
	who.Gate.FollowKeys(keysource.Of(to.connection))
	grpcServer := grpcserver.New(grpcserver.Options{
		Logger: log, Registry: metrics, Reflection: s.Environment != config.Prod, MaxMessageBytes: grpcclient.MaxMessageBytes, Gate: who.Gate, Certificates: who.Certificates,
		Limits: grpcserver.Limits{Calls: s.MaxInFlight, Rows: s.MaxRowsInFlight}, MapError: server.MapError,
	})
	futurisysv1.RegisterPredictionServiceServer(grpcServer, server.NewPrediction(models, scorer, to.employees))
	futurisysv1.RegisterModelServiceServer(grpcServer, server.NewModel(models))
	futurisysv1.RegisterStatusServiceServer(grpcServer, status.New("inference", s.Environment, func() map[string]string { return details(models, runtime, record, to.journal) }, ready))
	if err := grpcServer.Prepare(); err != nil {
		return err //nolint:wrapcheck // it says what it was doing
	}

	loops := []func(context.Context){
		func(ctx context.Context) { models.Run(ctx, s.ModelPollInterval) },
		happened.Run,
		func(ctx context.Context) { who.Gate.Run(ctx, log) },
		func(ctx context.Context) { to.followAliases(ctx, models) },
	}
	return grpcServer.Run(grpcserver.Process{ //nolint:wrapcheck // it says what it was doing
		GRPC:  grpcserver.Addr{Key: "INFERENCE_GRPC_ADDR", Addr: s.InferenceGRPCAddr},
		Admin: grpcserver.Addr{Key: "INFERENCE_ADMIN_ADDR", Addr: s.InferenceAdminAddr},
		Ready: ready, Metrics: metrics, ShutdownDelay: s.ShutdownDelay, MaxConnections: s.MaxConnections, Loops: loops,
		About: []any{"model_repository", versions.Name(), "recording", s.mode()},
	})
}

// newRecorder returns what puts predictions on record, by way of the outbox where they
// must be recorded.
func (s *settings) newRecorder(records internalv1.RecordingServiceClient, metrics prometheus.Registerer, log *slog.Logger) (*recorder.Recorder, error) {
	var box *outbox.Outbox
	if s.mode() == recorder.Required && s.OutboxDir != "" {
		var err error
		if box, err = outbox.Open(s.OutboxDir, s.OutboxMaxMiB<<20, log); err != nil { //nolint:mnd // MiB
			return nil, err //nolint:wrapcheck // it names the key
		}
	}
	return recorder.New(recorder.Options{
		Mode: s.mode(), Client: records, Outbox: box, Timeout: s.RecordingTimeout, MaxAge: s.OutboxMaxAge,
		Unrecorded: s.OutboxFull == "unrecorded", Logger: log, Registry: metrics,
	}), nil
}

// details are what the status says of this process.
func details(models *registry.Registry, runtime *ort.Runtime, record *recorder.Recorder, common *journal.Journal) map[string]string {
	var loaded []string
	for _, model := range models.Models() {
		for _, version := range model.Versions {
			if version.State == registry.Ready {
				loaded = append(loaded, fmt.Sprintf("%s/%d", model.Name, version.Number))
			}
		}
	}
	source := models.Source()
	out := record.Details()
	out["models"] = strings.Join(loaded, ", ")
	out["model_repository"] = source.Repository
	out["engine"] = runtime.Version()
	if common != nil {
		maps.Copy(out, common.Details())
	}
	for name, problem := range models.Problems() {
		out["model_problem_"+name] = problem.Error()
	}
	if source.Reason != "" {
		out["model_repository_problem"] = source.Reason
	}
	if source.FromCache {
		out["model_repository"] += " (from the cache)"
	}
	return out
}
