// Command inference serves models over gRPC.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/futurisys/futurisys/services/inference/internal/engine/ort"
	"github.com/futurisys/futurisys/services/inference/internal/hub"
	"github.com/futurisys/futurisys/services/inference/internal/outbox"
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

// settings are those of this process and its commands.
type settings struct {
	config.Common
	hub.Settings

	InferenceGRPCAddr  string        `name:"inference-grpc-addr" env:"INFERENCE_GRPC_ADDR" default:"127.0.0.1:9001" help:"Address of the gRPC server."`
	InferenceAdminAddr string        `env:"INFERENCE_ADMIN_ADDR" default:"127.0.0.1:9091" help:"Address of health, metrics and pprof."`
	ModelRepository    string        `env:"MODEL_REPOSITORY" default:"deploy/models" help:"A folder of models, NAME/NUMBER/..., or hf://org/name with all tags model-vX.Y.Z, or hf://org/name@REVISION."`
	ModelStateDir      string        `env:"MODEL_STATE_DIR" default:"var/models" help:"Folder that keeps who set which alias when; copies of the service may share it. Empty: nothing is kept."`
	ModelPollInterval  time.Duration `env:"MODEL_POLL_INTERVAL" default:"5m" help:"How often new versions and aliases are looked for by themselves; 0: never."`
	ModelMostLoaded    int           `env:"MODEL_MOST_LOADED" default:"8" help:"How many versions of a model are loaded by themselves: those with an alias, then the newest."`
	ModelMemoryBudget  int64         `name:"model-memory-budget-mib" env:"MODEL_MEMORY_BUDGET_MIB" default:"1024" help:"By how many MiB loading one version may make the process grow."`
	ONNXRuntimeLib     string        `name:"onnxruntime-lib" env:"ONNXRUNTIME_LIB" help:"The shared library of ONNX Runtime."`
	PersistenceTarget  string        `env:"PERSISTENCE_TARGET" default:"127.0.0.1:9002" help:"Address of persistence; empty, or in the demo: there is no database."`
	Recording          string        `env:"RECORDING" enum:"auto,required,best-effort,off" default:"auto" help:"required answers nothing that is not on stable storage, best-effort answers and says so, off records nothing; auto is required with a database and off without."`
	RecordingTimeout   time.Duration `env:"RECORDING_TIMEOUT" default:"1s" help:"How long persistence may take before a prediction goes to the outbox; each row adds a millisecond."`
	OutboxDir          string        `env:"OUTBOX_DIR" default:"var/outbox" help:"Folder that keeps predictions while persistence is away, one copy of the service each; empty: they are refused."`
	OutboxMostMiB      int64         `name:"outbox-most-mib" env:"OUTBOX_MOST_MIB" default:"1024" help:"How much the outbox may hold."`
	OutboxOldestAge    time.Duration `env:"OUTBOX_OLDEST_AGE" default:"168h" help:"How old its oldest row may become before it counts as full; 0: any age."`
	OutboxFull         string        `env:"OUTBOX_FULL" enum:"refuse,unrecorded" default:"refuse" help:"What becomes of a prediction when the outbox is full: it is refused, or answered unrecorded, which the answer says."`

	Serve serveCommand `cmd:"" default:"1" help:"Serve (the default)."`
	Check checkCommand `cmd:"" help:"Judge a model package as it is judged before it may serve."`
}

func main() {
	var s settings
	command, err := config.Parse("inference", "Serves models over gRPC.", &s, os.Args[1:])
	if err == nil {
		err = command.Run(&s)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "inference:", err)
		os.Exit(1)
	}
}

// settle makes the settings whole, or says which cannot be.
func (s *settings) settle() (recorder.Mode, error) {
	if s.Environment == config.Demo {
		s.PersistenceTarget = ""
	}
	if err := config.CheckBind("INFERENCE_GRPC_ADDR", s.InferenceGRPCAddr, s.AllowInsecureBind); err != nil {
		return "", err //nolint:wrapcheck // it names the key
	}
	if err := config.CheckBind("INFERENCE_ADMIN_ADDR", s.InferenceAdminAddr, s.AllowInsecureBind); err != nil {
		return "", err //nolint:wrapcheck // it names the key
	}
	switch {
	case s.Recording == "auto" && s.PersistenceTarget == "":
		return recorder.Off, nil
	case s.Recording == "auto":
		return recorder.Required, nil
	case s.Recording != string(recorder.Off) && s.PersistenceTarget == "":
		return "", fmt.Errorf("RECORDING: %s needs PERSISTENCE_TARGET, and an ENVIRONMENT other than demo", s.Recording)
	}
	return recorder.Mode(s.Recording), nil
}

// open opens ONNX Runtime.
func (s *settings) open() (*ort.Runtime, error) {
	if s.ONNXRuntimeLib == "" {
		return nil, errors.New("ONNXRUNTIME_LIB: the path of ONNX Runtime's shared library is needed; `make run` fetches it")
	}
	return ort.Open(s.ONNXRuntimeLib) //nolint:wrapcheck // it names the key
}

// openOutbox opens the outbox where the mode needs one; nil: it does not.
func (s *settings) openOutbox(mode recorder.Mode, log *slog.Logger) (*outbox.Outbox, error) {
	if mode != recorder.Required || s.OutboxDir == "" {
		return nil, nil
	}
	return outbox.Open(s.OutboxDir, s.OutboxMostMiB<<20, log) //nolint:wrapcheck,mnd // it names the key; MiB
}

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
	models := registry.New(registry.Options{
		Repository: versions, Runtime: runtime, StateFolder: s.ModelStateDir,
		MostLoaded: s.ModelMostLoaded, MemoryBudget: s.ModelMemoryBudget << 20, Logger: log, //nolint:mnd // MiB
	})
	defer models.Close()

	var employees futurisysv1.EmployeeServiceClient
	var records internalv1.RecordingServiceClient
	if s.PersistenceTarget != "" {
		connection, err := grpcclient.New(s.PersistenceTarget)
		if err != nil {
			return fmt.Errorf("PERSISTENCE_TARGET: %w", err)
		}
		defer closing(log, "persistence", connection.Close)
		employees = futurisysv1.NewEmployeeServiceClient(connection)
		records = internalv1.NewRecordingServiceClient(connection)
	}
	box, err := s.openOutbox(mode, log)
	if err != nil {
		return err
	}
	record := recorder.New(recorder.Options{
		Mode: mode, Client: records, Outbox: box, Timeout: s.RecordingTimeout, OldestAge: s.OutboxOldestAge,
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
	futurisysv1.RegisterStatusServiceServer(grpcServer, status.New("inference", s.Environment, func() map[string]string { return details(models, runtime, record) }, ready))
	if err := grpcServer.Prepare(); err != nil {
		return err //nolint:wrapcheck // it says what it was doing
	}
	return serve(s, log, grpcServer, models, func(group *lifecycle.Group) error {
		listener, err := net.Listen("tcp", s.InferenceAdminAddr)
		if err != nil {
			return fmt.Errorf("INFERENCE_ADMIN_ADDR: %w", err)
		}
		group.AddHTTP(telemetry.AdminHandler(ready, metrics), listener)
		return nil
	})
}

// serve runs until a signal; addAdmin adds the operators' address.
func serve(s *settings, log *slog.Logger, grpcServer *grpcserver.Server, models *registry.Registry, addAdmin func(*lifecycle.Group) error) error {
	listener, err := net.Listen("tcp", s.InferenceGRPCAddr)
	if err != nil {
		return fmt.Errorf("INFERENCE_GRPC_ADDR: %w", err)
	}
	var group lifecycle.Group
	group.AddSignals(grpcServer.Health.Shutdown) // for good: the loop below cannot take it back
	group.AddGRPC(grpcServer.Server, listener)
	if err := addAdmin(&group); err != nil {
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
func details(models *registry.Registry, runtime *ort.Runtime, record *recorder.Recorder) map[string]string {
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
