package main

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"os"
	"strings"

	"github.com/google/uuid"

	"github.com/futurisys/futurisys/services/inference/internal/engine/ort"
	"github.com/futurisys/futurisys/services/inference/internal/journal"
	"github.com/futurisys/futurisys/services/inference/internal/recorder"
	"github.com/futurisys/futurisys/services/inference/internal/registry"
	"github.com/futurisys/futurisys/services/inference/internal/repository"
	"github.com/futurisys/futurisys/services/inference/internal/scoring"
	"github.com/futurisys/futurisys/services/inference/internal/server"
	"github.com/futurisys/futurisys/services/platform/buildinfo"
	"github.com/futurisys/futurisys/services/platform/config"
	"github.com/futurisys/futurisys/services/platform/grpcclient"
	"github.com/futurisys/futurisys/services/platform/grpcserver"
	"github.com/futurisys/futurisys/services/platform/lifecycle"
	"github.com/futurisys/futurisys/services/platform/status"
	"github.com/futurisys/futurisys/services/platform/telemetry"

	internalv1 "github.com/futurisys/futurisys/proto/gen/futurisys/internalapi/v1"
	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

type serveCommand struct{}

// Run serves until a signal.
func (serveCommand) Run(s *settings) error {
	mode, err := s.settle()
	if err != nil {
		return err
	}
	uuid.EnableRandPool() // one read of the kernel's randomness for 16 ids
	log := telemetry.NewLogger(os.Stderr, "inference", s.LogLevel, s.LogFormat)
	metrics := telemetry.NewRegistry()

	runtime, err := s.open()
	if err != nil {
		return err
	}
	defer closing(log, "ONNX Runtime", runtime.Close)
	versions, err := repository.Open(s.ModelRepository, s.Settings, log)
	if err != nil {
		return err //nolint:wrapcheck // it names the key
	}
	var employees futurisysv1.EmployeeServiceClient
	var records internalv1.RecordingServiceClient
	var common *journal.Journal
	if s.PersistenceTarget != "" {
		connection, err := grpcclient.New(s.PersistenceTarget)
		if err != nil {
			return fmt.Errorf("PERSISTENCE_TARGET: %w", err)
		}
		defer closing(log, "persistence", connection.Close)
		employees = futurisysv1.NewEmployeeServiceClient(connection)
		records = internalv1.NewRecordingServiceClient(connection)
		common = s.followJournal(internalv1.NewAliasServiceClient(connection), versions.Name(), log)
	}
	models := registry.New(registry.Options{
		Repository: versions, Runtime: runtime, Journal: s.journal(common, versions.Name()),
		MaxLoaded: s.ModelMaxLoaded, MemoryBudget: s.ModelMemoryBudget << 20, Logger: log, //nolint:mnd // MiB
	})
	defer models.Close()
	box, err := s.openOutbox(mode, log)
	if err != nil {
		return err
	}
	record := recorder.New(recorder.Options{
		Mode: mode, Client: records, Outbox: box, Timeout: s.RecordingTimeout, MaxAge: s.OutboxMaxAge,
		Unrecorded: s.OutboxFull == "unrecorded", Logger: log, Registry: metrics,
	})
	defer closing(log, "recorder", record.Close)
	scorer, err := scoring.New(record)
	if err != nil {
		return err //nolint:wrapcheck // it says what it was doing
	}
	ready := func(context.Context) error { return models.Ready() }

	grpcServer := grpcserver.New(grpcserver.Options{
		Logger: log, Registry: metrics, Reflection: s.Environment != config.Prod, MaxMessageBytes: grpcclient.MaxMessageBytes,
	})
	futurisysv1.RegisterPredictionServiceServer(grpcServer, server.NewPrediction(models, scorer, employees))
	futurisysv1.RegisterModelServiceServer(grpcServer, server.NewModel(models))
	futurisysv1.RegisterStatusServiceServer(grpcServer, status.New("inference", s.Environment, func() map[string]string { return details(models, runtime, record, common) }, ready))
	if err := grpcServer.Prepare(); err != nil {
		return err //nolint:wrapcheck // it says what it was doing
	}
	return serve(s, log, grpcServer, models, func(group *lifecycle.Group) error {
		if common != nil {
			group.AddLoop(func(ctx context.Context) { common.Run(ctx, models.Follow, models.Applied) })
		}
		listener, err := net.Listen("tcp", s.InferenceAdminAddr)
		if err != nil {
			return fmt.Errorf("INFERENCE_ADMIN_ADDR: %w", err)
		}
		group.AddHTTP(telemetry.AdminHandler(ready, metrics), listener)
		return nil
	})
}

// followJournal follows the journal that persistence keeps for all copies.
func (s *settings) followJournal(client internalv1.AliasServiceClient, repositoryName string, log *slog.Logger) *journal.Journal {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return journal.New(journal.Options{
		Client: client, Repository: repositoryName, Logger: log,
		Copy:  fmt.Sprintf("%s %s %.8s", host, s.InferenceGRPCAddr, uuid.NewString()),
		Cache: registry.NewFileJournal(s.ModelStateDir, repositoryName),
	})
}

// journal is the common one where there is a database, else the file of this copy; nil:
// it is kept for this run.
func (s *settings) journal(common *journal.Journal, repositoryName string) registry.Journal {
	switch {
	case common != nil:
		return common
	case s.ModelStateDir != "":
		return registry.NewFileJournal(s.ModelStateDir, repositoryName)
	}
	return nil
}

// serve runs until a signal; add adds what else runs.
func serve(s *settings, log *slog.Logger, grpcServer *grpcserver.Server, models *registry.Registry, add func(*lifecycle.Group) error) error {
	listener, err := net.Listen("tcp", s.InferenceGRPCAddr)
	if err != nil {
		return fmt.Errorf("INFERENCE_GRPC_ADDR: %w", err)
	}
	var group lifecycle.Group
	group.AddSignals(grpcServer.Health.Shutdown) // for good: the loop below cannot take it back
	group.AddGRPC(grpcServer.Server, listener)
	if err := add(&group); err != nil {
		return err
	}
	group.AddLoop(func(ctx context.Context) {
		models.Run(ctx, s.ModelPollInterval, func() {
			readiness := models.Ready()
			grpcServer.SetReady(readiness == nil)
			if readiness != nil {
				log.Error("not ready", "reason", readiness)
			}
		})
	})
	log.Info("serving", "grpc", s.InferenceGRPCAddr, "admin", s.InferenceAdminAddr, "version", buildinfo.Version())
	return group.Run() //nolint:wrapcheck // it says what it was doing
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

func closing(log *slog.Logger, what string, closer func() error) {
	if err := closer(); err != nil {
		log.Error("close", "what", what, "error", err)
	}
}
