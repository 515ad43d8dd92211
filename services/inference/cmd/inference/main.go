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

	"github.com/google/uuid"

	"github.com/futurisys/futurisys/services/inference/internal/engine/ort"
	"github.com/futurisys/futurisys/services/inference/internal/recorder"
	"github.com/futurisys/futurisys/services/inference/internal/registry"
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

// settings are those of this process.
type settings struct {
	config.Common

	InferenceGRPCAddr  string `name:"inference-grpc-addr" env:"INFERENCE_GRPC_ADDR" default:"127.0.0.1:9001" help:"Address of the gRPC server."`
	InferenceAdminAddr string `env:"INFERENCE_ADMIN_ADDR" default:"127.0.0.1:9091" help:"Address of health, metrics and pprof."`
	ModelRepository    string `env:"MODEL_REPOSITORY" default:"deploy/models" help:"Folder of the models: NAME/NUMBER/..."`
	ONNXRuntimeLib     string `name:"onnxruntime-lib" env:"ONNXRUNTIME_LIB" help:"The shared library of ONNX Runtime."`
	PersistenceTarget  string `env:"PERSISTENCE_TARGET" default:"127.0.0.1:9002" help:"Address of persistence; empty, or in the demo: there is no database."`
	Recording          string `env:"RECORDING" enum:"auto,required,best-effort,off" default:"auto" help:"What becomes of a prediction that cannot be recorded: required refuses it, best-effort answers and says so, off records nothing; auto is best-effort with a database and off without."`
}

func main() {
	var s settings
	_, err := config.Parse("inference", "Serves models over gRPC.", &s, os.Args[1:])
	if err == nil {
		err = run(&s)
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
	if s.ONNXRuntimeLib == "" {
		return "", errors.New("ONNXRUNTIME_LIB: the path of ONNX Runtime's shared library is needed; `make run` fetches it")
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
		return recorder.BestEffort, nil
	case s.Recording != string(recorder.Off) && s.PersistenceTarget == "":
		return "", fmt.Errorf("RECORDING: %s needs PERSISTENCE_TARGET, and an ENVIRONMENT other than demo", s.Recording)
	}
	return recorder.Mode(s.Recording), nil
}

func run(s *settings) error {
	mode, err := s.settle()
	if err != nil {
		return err
	}
	uuid.EnableRandPool() // one read of the kernel's randomness for 16 ids
	log := telemetry.NewLogger(os.Stderr, "inference", s.LogLevel, s.LogFormat)
	metrics := telemetry.NewRegistry()

	runtime, err := ort.Open(s.ONNXRuntimeLib)
	if err != nil {
		return err //nolint:wrapcheck // it names the key
	}
	defer closing(log, "ONNX Runtime", runtime.Close)
	models, err := registry.Open(s.ModelRepository, runtime, log)
	if err != nil {
		return err //nolint:wrapcheck // it names the key
	}
	defer closing(log, "models", models.Close)

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
	scorer, err := scoring.New(recorder.New(mode, records, log))
	if err != nil {
		return err //nolint:wrapcheck // it says what it was doing
	}
	ready := func(context.Context) error { return models.Ready() }

	grpcServer := grpcserver.New(grpcserver.Options{
		Logger: log, Registry: metrics, Reflection: s.Environment != config.Prod, MaxMessageBytes: grpcclient.MaxMessageBytes,
	})
	futurisysv1.RegisterPredictionServiceServer(grpcServer, server.NewPrediction(models, scorer, employees))
	futurisysv1.RegisterModelServiceServer(grpcServer, server.NewModel(models))
	futurisysv1.RegisterStatusServiceServer(grpcServer, status.New("inference", s.Environment, s.details(models, runtime, mode), ready))
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
	group.AddSignals(func() { grpcServer.SetReady(false) })
	group.AddGRPC(grpcServer.Server, listener)
	if err := addAdmin(&group); err != nil {
		return err
	}
	readiness := models.Ready()
	grpcServer.SetReady(readiness == nil)
	if readiness != nil {
		log.Error("not ready", "reason", readiness)
	}
	log.Info("serving", "grpc", s.InferenceGRPCAddr, "admin", s.InferenceAdminAddr, "version", buildinfo.Version())
	return group.Run() //nolint:wrapcheck // it says what it was doing
}

// details are what the status says of this process.
func (s *settings) details(models *registry.Registry, runtime *ort.Runtime, mode recorder.Mode) map[string]string {
	var loaded []string
	for _, model := range models.Models() {
		for _, version := range model.Versions {
			if version.Refusal == nil {
				loaded = append(loaded, fmt.Sprintf("%s/%d", model.Name, version.Number))
			}
		}
	}
	return map[string]string{
		"models":    strings.Join(loaded, ", "),
		"engine":    runtime.Version(),
		"recording": string(mode),
	}
}

func closing(log *slog.Logger, what string, closer func() error) {
	if err := closer(); err != nil {
		log.Error("close", "what", what, "error", err)
	}
}
