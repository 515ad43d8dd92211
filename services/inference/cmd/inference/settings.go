package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/futurisys/futurisys/services/inference/internal/engine/ort"
	"github.com/futurisys/futurisys/services/inference/internal/hub"
	"github.com/futurisys/futurisys/services/inference/internal/recorder"
	"github.com/futurisys/futurisys/services/platform/config"
)

// settings are those of this process and its commands.
type settings struct {
	config.Common
	hub.Settings

	MaxRowsInFlight    int           `env:"MAX_ROWS_IN_FLIGHT" default:"20000" help:"How many rows the requests with more than one may have together; more are refused."`
	InferenceGRPCAddr  string        `name:"inference-grpc-addr" env:"INFERENCE_GRPC_ADDR" default:"127.0.0.1:9001" help:"Address of the gRPC server."`
	InferenceAdminAddr string        `env:"INFERENCE_ADMIN_ADDR" default:"127.0.0.1:9091" help:"Address of health, metrics and pprof."`
	ModelRepository    string        `env:"MODEL_REPOSITORY" default:"deploy/models" help:"A folder of models, NAME/NUMBER/..., or hf://org/name with all tags model-vX.Y.Z, or hf://org/name@REVISION."`
	ModelStateDir      string        `env:"MODEL_STATE_DIR" default:"var/models" help:"Folder that keeps who set which alias when: without a database for itself, else for the time when persistence is unavailable. Empty: nothing is kept."`
	ModelPollInterval  time.Duration `env:"MODEL_POLL_INTERVAL" default:"5m" help:"How often new versions are looked for by themselves; 0: never."`
	ModelMaxLoaded     int           `env:"MODEL_MAX_LOADED" default:"8" help:"How many versions of a model are loaded by themselves: those with an alias, then the newest."`
	ModelMemoryBudget  int64         `name:"model-memory-budget-mib" env:"MODEL_MEMORY_BUDGET_MIB" default:"1024" help:"By how many MiB loading one version may make the process grow."`
	ONNXRuntimeLib     string        `name:"onnxruntime-lib" env:"ONNXRUNTIME_LIB" help:"The shared library of ONNX Runtime."`
	PersistenceTarget  string        `env:"PERSISTENCE_TARGET" default:"127.0.0.1:9002" help:"Address of persistence; empty, or in the demo: there is no database."`
	Recording          string        `env:"RECORDING" enum:"auto,required,best-effort,off" default:"auto" help:"required answers nothing that is not on stable storage, best-effort answers and says so, off records nothing; auto is required with a database and off without."`
	RecordingTimeout   time.Duration `env:"RECORDING_TIMEOUT" default:"1s" help:"How long persistence may take before a prediction goes to the outbox; each row adds a millisecond."`
	OutboxDir          string        `env:"OUTBOX_DIR" default:"var/outbox" help:"Folder that keeps predictions while persistence is away, one copy of the service each; empty: they are refused."`
	OutboxMaxMiB       int64         `name:"outbox-max-mib" env:"OUTBOX_MAX_MIB" default:"1024" help:"How much the outbox may hold."`
	OutboxMaxAge       time.Duration `env:"OUTBOX_MAX_AGE" default:"168h" help:"How old its oldest row may become before it counts as full."`
	OutboxFull         string        `env:"OUTBOX_FULL" enum:"refuse,unrecorded" default:"refuse" help:"What becomes of a prediction when the outbox is full: it is refused, or answered unrecorded, which the answer says."`

	Serve serveCommand `cmd:"" default:"1" help:"Serve (the default)."`
	Check checkCommand `cmd:"" help:"Judge a model package as it is judged before it may serve."`

	Health healthCommand `cmd:"" help:"Ask the running program whether it is ready."`
	Outbox outboxCommand `cmd:"" help:"Work on what the outbox set aside."`
}

// maxLimit is more than any machine holds.
const maxLimit = 1_000_000

// Validate refuses values that cannot be meant.
func (s *settings) Validate() error {
	const maxMiB = 1 << 20
	if s.ModelPollInterval != 0 {
		if err := config.Bound("MODEL_POLL_INTERVAL", s.ModelPollInterval, time.Second, 24*time.Hour); err != nil {
			return fmt.Errorf("%w, nor 0", err)
		}
	}
	return errors.Join(
		config.Bound("MAX_ROWS_IN_FLIGHT", s.MaxRowsInFlight, 1, maxLimit),
		s.CheckCommon(),
		config.CheckTarget("PERSISTENCE_TARGET", s.PersistenceTarget),
		config.Bound("MODEL_MAX_LOADED", s.ModelMaxLoaded, 1, 1000),
		config.Bound("MODEL_MEMORY_BUDGET_MIB", s.ModelMemoryBudget, 1, maxMiB),
		config.Bound("RECORDING_TIMEOUT", s.RecordingTimeout, 10*time.Millisecond, time.Minute),
		config.Bound("OUTBOX_MAX_MIB", s.OutboxMaxMiB, 1, maxMiB),
		// What is older than 400 days is not recorded any more.
		config.Bound("OUTBOX_MAX_AGE", s.OutboxMaxAge, time.Minute, 90*24*time.Hour),
		s.Settings.Validate(),
		s.checkRecording(),
		s.CheckBind("INFERENCE_GRPC_ADDR", s.InferenceGRPCAddr, s.TLS.Set()),
		s.CheckBind("INFERENCE_ADMIN_ADDR", s.InferenceAdminAddr, false),
	)
}

func (s *settings) checkRecording() error {
	if s.mode() != recorder.Off && !s.hasDatabase() {
		return fmt.Errorf("RECORDING: %s needs PERSISTENCE_TARGET, and an ENVIRONMENT other than demo", s.Recording)
	}
	return nil
}

// hasDatabase says whether there is a persistence to record with.
func (s *settings) hasDatabase() bool { return s.HasDatabase(s.PersistenceTarget) }

// mode is what becomes of predictions.
func (s *settings) mode() recorder.Mode {
	switch {
	case s.Recording != "auto":
		return recorder.Mode(s.Recording)
	case s.hasDatabase():
		return recorder.Required
	}
	return recorder.Off
}

// open opens ONNX Runtime.
func (s *settings) open() (*ort.Runtime, error) {
	if s.ONNXRuntimeLib == "" {
		return nil, errors.New("ONNXRUNTIME_LIB: the path of ONNX Runtime's shared library is needed; `make run` fetches it")
	}
	return ort.Open(s.ONNXRuntimeLib) //nolint:wrapcheck // it names the key
}
