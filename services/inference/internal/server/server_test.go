package server_test

import (
	"context"
	"log/slog"
	"math"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/proto"

	"github.com/futurisys/futurisys/services/inference/internal/engine/enginetest"
	"github.com/futurisys/futurisys/services/inference/internal/modelpkg"
	"github.com/futurisys/futurisys/services/inference/internal/recorder"
	"github.com/futurisys/futurisys/services/inference/internal/registry/registrytest"
	"github.com/futurisys/futurisys/services/inference/internal/scoring"
	"github.com/futurisys/futurisys/services/inference/internal/server"
	"github.com/futurisys/futurisys/services/platform/grpcclient"
	"github.com/futurisys/futurisys/services/platform/grpcserver"

	internalv1 "github.com/futurisys/futurisys/proto/gen/futurisys/internalapi/v1"
	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// ledger stands where persistence does, so that a test can make recording fail
// and see what was sent; the real one is behind the tests in gateway/e2e.
type ledger struct {
	internalv1.RecordingServiceClient

	mu   sync.Mutex
	rows []*futurisysv1.Prediction
	fail error
}

func (l *ledger) RecordPredictions(_ context.Context, request *internalv1.RecordPredictionsRequest, _ ...grpc.CallOption) (*internalv1.RecordPredictionsResponse, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fail != nil {
		return nil, l.fail
	}
	for _, prediction := range request.GetPredictions() {
		l.rows = append(l.rows, proto.CloneOf(prediction))
	}
	return &internalv1.RecordPredictionsResponse{}, nil
}

func (l *ledger) find(id string) *futurisysv1.Prediction {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, row := range l.rows {
		if row.GetId() == id {
			return row
		}
	}
	return nil
}

// api is the service as its callers see it, on the real engine and model.
type api struct {
	predictions futurisysv1.PredictionServiceClient
	models      futurisysv1.ModelServiceClient
	ledger      *ledger
}

func start(t testing.TB, mode recorder.Mode) api {
	t.Helper()
	return startOn(t, mode, enginetest.Repository())
}

// startOn starts the service on a repository of the test's own.
func startOn(t testing.TB, mode recorder.Mode, repository string) api {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	models := registrytest.Folder(t, repository)
	records := &ledger{}
	registry := prometheus.NewRegistry()
	record := recorder.New(recorder.Options{Mode: mode, Client: records, Timeout: time.Second, Logger: log, Registry: registry})
	t.Cleanup(func() { _ = record.Close() })
	scorer, err := scoring.New(record, prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	s := grpcserver.New(grpcserver.Options{Logger: log, Registry: registry, MaxMessageBytes: grpcclient.MaxMessageBytes, MapError: server.MapError})
	futurisysv1.RegisterPredictionServiceServer(s, server.NewPrediction(models, scorer, nil))
	futurisysv1.RegisterModelServiceServer(s, server.NewModel(models))
	if err := s.Prepare(); err != nil {
		t.Fatal(err)
	}
	listener := bufconn.Listen(1 << 20)
	go func() { _ = s.Serve(listener) }()
	t.Cleanup(s.Stop)
	connection, err := grpc.NewClient("passthrough:///test",
		grpc.WithContextDialer(func(context.Context, string) (net.Conn, error) { return listener.Dial() }),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(grpcclient.MaxMessageBytes)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = connection.Close() })
	return api{futurisysv1.NewPredictionServiceClient(connection), futurisysv1.NewModelServiceClient(connection), records}
}

// example is a row that the model takes.
func example(t testing.TB, a api) *futurisysv1.EmployeeProfile {
	t.Helper()
	model, err := a.models.GetModel(t.Context(), &futurisysv1.GetModelRequest{Model: "attrition"})
	if err != nil {
		t.Fatal(err)
	}
	return model.GetChampion().GetExampleProfile()
}

// refused checks the code and the reason of an error, and returns what fields
// are wrong.
func refused(t *testing.T, err error, code codes.Code, reason string) map[string]string {
	t.Helper()
	got := status.Convert(err)
	fields, gotReason := map[string]string{}, ""
	for _, detail := range got.Details() {
		switch detail := detail.(type) {
		case *errdetails.ErrorInfo:
			gotReason = detail.GetReason()
		case *errdetails.BadRequest:
			for _, v := range detail.GetFieldViolations() {
				fields[v.GetField()] = v.GetDescription()
			}
		}
	}
	if got.Code() != code || gotReason != reason {
		t.Fatalf("got %s %s (%s), want %s %s", got.Code(), gotReason, got.Message(), code, reason)
	}
	return fields
}

func TestPredictAnswersWhatTheTrainingDid(t *testing.T) {
	a := start(t, recorder.Required)
	golden, err := modelpkg.Read(os.DirFS(filepath.Join(enginetest.Repository(), "attrition/1")))
	if err != nil {
		t.Fatal(err)
	}
	profile := example(t, a)
	got, err := a.predictions.Predict(t.Context(), &futurisysv1.PredictRequest{Model: "attrition", Profile: profile})
	if err != nil {
		t.Fatal(err)
	}
	if want := golden.Golden.Rows[0].Probability; math.Abs(got.GetProbability()-want) > 1e-5 {
		t.Errorf("got %g, the training says %g", got.GetProbability(), want)
	}
	manifest := golden.Manifest
	positive := got.GetProbability() >= manifest.Threshold.Value
	if got.GetPositive() != positive || got.GetModelVersion() != 1 || got.GetModelRevision() != golden.Revision ||
		got.GetThreshold() != manifest.Threshold.Value || got.GetRiskBand() == "" || !proto.Equal(got.GetProfile(), profile) {
		t.Errorf("got %v", got)
	}
	if label := map[bool]string{true: manifest.PositiveLabel, false: manifest.NegativeLabel}[positive]; got.GetPredictedLabel() != label {
		t.Errorf("got label %q, want %q", got.GetPredictedLabel(), label)
	}
	stored := a.ledger.find(got.GetId())
	if got.GetRecording() != futurisysv1.Recording_RECORDING_RECORDED || stored == nil {
		t.Fatalf("recording %s, stored %v", got.GetRecording(), stored)
	}
	stored.Recording = got.GetRecording()
	if !proto.Equal(stored, got) {
		t.Errorf("stored\n%v\nanswered\n%v", stored, got)
	}
}

func TestPredictIsRefused(t *testing.T) {
	a := start(t, recorder.Off)
	profile := example(t, a)
	predict := func(change func(*futurisysv1.PredictRequest)) error {
		request := &futurisysv1.PredictRequest{Model: "attrition", Profile: proto.CloneOf(profile)}
		change(request)
		_, err := a.predictions.Predict(t.Context(), request)
		return err
	}
	refused(t, predict(func(r *futurisysv1.PredictRequest) { r.Model = "nothing" }), codes.NotFound, "MODEL_NOT_FOUND")
	refused(t, predict(func(r *futurisysv1.PredictRequest) { r.Version = 7 }), codes.NotFound, "MODEL_VERSION_NOT_FOUND")
	refused(t, predict(func(r *futurisysv1.PredictRequest) { r.Alias = "canary" }), codes.NotFound, "MODEL_VERSION_NOT_FOUND")
	refused(t, predict(func(r *futurisysv1.PredictRequest) { r.Model = "" }), codes.InvalidArgument, "INVALID_ARGUMENT")
	refused(t, predict(func(r *futurisysv1.PredictRequest) { r.Version, r.Alias = 1, "champion" }), codes.InvalidArgument, "INVALID_ARGUMENT")
	refused(t, predict(func(r *futurisysv1.PredictRequest) { r.Profile = nil }), codes.InvalidArgument, "INVALID_ARGUMENT")
	fields := refused(t, predict(func(r *futurisysv1.PredictRequest) {
		r.Profile.Age, r.Profile.JobLevel = proto.Int32(15), proto.Int32(6)
		r.Profile.Department, r.Profile.Overtime = new("X"), nil
	}), codes.InvalidArgument, "INVALID_PROFILE")
	for _, field := range []string{"profile.age", "profile.job_level", "profile.department", "profile.overtime"} {
		if fields[field] == "" {
			t.Errorf("%s is not listed in %v", field, fields)
		}
	}
	if len(fields) != 4 {
		t.Errorf("got %v", fields)
	}
}

func TestRecordingThatFails(t *testing.T) {
	for mode, check := range map[recorder.Mode]func(*futurisysv1.Prediction, error){
		recorder.Required: func(_ *futurisysv1.Prediction, err error) { refused(t, err, codes.Unavailable, "UNAVAILABLE") },
		recorder.BestEffort: func(p *futurisysv1.Prediction, err error) {
			if err != nil || p.GetRecording() != futurisysv1.Recording_RECORDING_NOT_RECORDED {
				t.Errorf("best effort: got %v, %v", p, err)
			}
		},
		recorder.Off: func(p *futurisysv1.Prediction, err error) {
			if err != nil || p.GetRecording() != futurisysv1.Recording_RECORDING_OFF {
				t.Errorf("off: got %v, %v", p, err)
			}
		},
	} {
		a := start(t, mode)
		a.ledger.fail = status.Error(codes.Unavailable, "away")
		check(a.predictions.Predict(t.Context(), &futurisysv1.PredictRequest{Model: "attrition", Profile: example(t, a)}))
	}
}

func TestModelsAreDescribed(t *testing.T) {
	a := start(t, recorder.Off)
	list, err := a.models.ListModels(t.Context(), &futurisysv1.ListModelsRequest{})
	if err != nil || len(list.GetModels()) != 1 || list.GetTotalSize() != 1 {
		t.Fatalf("got %v, %v", list, err)
	}
	if short := list.GetModels()[0].GetChampion(); short.GetCard() != "" || len(short.GetThreshold().GetCurve()) != 0 {
		t.Error("a list leaves out card and curve")
	}
	model, err := a.models.GetModel(t.Context(), &futurisysv1.GetModelRequest{Model: "attrition"})
	if err != nil {
		t.Fatal(err)
	}
	champion := model.GetChampion()
	if champion.GetCard() == "" || len(champion.GetThreshold().GetCurve()) == 0 || len(champion.GetFeatures()) != enginetest.Width ||
		len(champion.GetBands()) != 3 || len(champion.GetMetrics()) == 0 || model.GetAliases()["champion"] != 1 ||
		champion.GetState() != futurisysv1.ModelVersionState_MODEL_VERSION_STATE_READY {
		t.Errorf("got %v", champion)
	}
	versions, err := a.models.ListModelVersions(t.Context(), &futurisysv1.ListModelVersionsRequest{Model: "attrition", PageSize: 1_000_000_000})
	if err != nil || len(versions.GetModelVersions()) != 2 || versions.GetNextPageToken() != "" {
		t.Errorf("got %v, %v", versions, err)
	}
	one, err := a.models.GetModelVersion(t.Context(), &futurisysv1.GetModelVersionRequest{Model: "attrition", Version: 1})
	if err != nil || !proto.Equal(one, champion) {
		t.Errorf("got %v, %v", one, err)
	}
	_, err = a.models.GetModel(t.Context(), &futurisysv1.GetModelRequest{Model: "x"})
	refused(t, err, codes.NotFound, "MODEL_NOT_FOUND")
	_, err = a.models.GetModelVersion(t.Context(), &futurisysv1.GetModelVersionRequest{Model: "attrition", Version: 9})
	refused(t, err, codes.NotFound, "MODEL_VERSION_NOT_FOUND")
	_, err = a.models.ListModels(t.Context(), &futurisysv1.ListModelsRequest{PageToken: "x"})
	refused(t, err, codes.InvalidArgument, "INVALID_PAGE_TOKEN")
	_, err = a.models.ListModels(t.Context(), &futurisysv1.ListModelsRequest{PageSize: -1})
	refused(t, err, codes.InvalidArgument, "INVALID_ARGUMENT")
}

// BenchmarkPredict is one prediction without the network: rules, features, graph,
// answer.
func BenchmarkPredict(b *testing.B) {
	models := registrytest.Folder(b, enginetest.Repository())
	scorer, err := scoring.New(recorder.New(recorder.Options{Mode: recorder.Off, Logger: slog.New(slog.DiscardHandler), Registry: prometheus.NewRegistry()}), prometheus.NewRegistry())
	if err != nil {
		b.Fatal(err)
	}
	version, err := models.Acquire("attrition", 0, "")
	if err != nil {
		b.Fatal(err)
	}
	defer version.Release()
	service := server.NewPrediction(models, scorer, nil)
	request := &futurisysv1.PredictRequest{Model: "attrition", Profile: version.Example}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := service.Predict(b.Context(), request); err != nil {
			b.Fatal(err)
		}
	}
}
