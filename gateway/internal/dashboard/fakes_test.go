package dashboard

import (
	"context"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/futurisys/futurisys/proto/policy"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

const (
	aPrediction = "0197a2b4-0000-7000-8000-000000000001"
	aBatch      = "0197a2b4-0000-4000-8000-000000000002"
)

// service is one of the services behind the dashboard; away makes it refuse every call as
// one that cannot be reached.
type service struct {
	away atomic.Bool
	// failure is what every call is answered with; nil: an answer.
	failure atomic.Pointer[status.Status]

	mu sync.Mutex
	// asked are the requests of each method so far.
	asked map[string][]proto.Message
	// answers are what a method answers instead of the fake's own.
	answers map[string]func(request proto.Message) (proto.Message, error)
}

func (s *service) intercept(ctx context.Context, request any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	if err := s.refused(); err != nil {
		return nil, err
	}
	message, _ := request.(proto.Message)
	s.mu.Lock()
	if s.asked == nil {
		s.asked = map[string][]proto.Message{}
	}
	s.asked[info.FullMethod] = append(s.asked[info.FullMethod], message)
	answer := s.answers[info.FullMethod]
	s.mu.Unlock()
	if answer != nil {
		return answer(message)
	}
	return next(ctx, request)
}

// answer makes a method answer otherwise.
func answer[Q, A proto.Message](s *service, method string, with func(Q) (A, error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.answers == nil {
		s.answers = map[string]func(proto.Message) (proto.Message, error){}
	}
	s.answers[method] = func(request proto.Message) (proto.Message, error) {
		typed, _ := request.(Q)
		return with(typed)
	}
}

// asked are the requests of a method so far.
func asked[Q proto.Message](s *service, method string) []Q {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Q
	for _, request := range s.asked[method] {
		if typed, ok := request.(Q); ok {
			out = append(out, typed)
		}
	}
	return out
}

func (s *service) interceptStream(server any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, next grpc.StreamHandler) error {
	if err := s.refused(); err != nil {
		return err
	}
	return next(server, stream)
}

func (s *service) refused() error {
	if s.away.Load() {
		return status.Error(codes.Unavailable, "connection refused")
	}
	return s.failure.Load().Err()
}

// connect serves register's services in this process.
func (s *service) connect(t *testing.T, register func(*grpc.Server)) *grpc.ClientConn {
	t.Helper()
	server := grpc.NewServer(grpc.UnaryInterceptor(s.intercept), grpc.StreamInterceptor(s.interceptStream))
	register(server)
	grpc_health_v1.RegisterHealthServer(server, health.NewServer())
	listener := bufconn.Listen(1 << 20)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	connection, err := grpc.NewClient("passthrough:///fake", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(context.Context, string) (net.Conn, error) { return listener.Dial() }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = connection.Close() })
	return connection
}

// fakes are the services: they answer with one model, one employee and one prediction.
type fakes struct {
	inference, persistence *service
	dashboard              *Dashboard
}

func start(t *testing.T) *fakes {
	t.Helper()
	return startWith(t, true)
}

// startWith starts a dashboard with or without a database.
func startWith(t *testing.T, database bool) *fakes {
	t.Helper()
	f := &fakes{inference: &service{}, persistence: &service{}}
	policies, err := policy.Load()
	if err != nil {
		t.Fatal(err)
	}
	options := Options{
		Inference: f.inference.connect(t, func(server *grpc.Server) {
			futurisysv1.RegisterModelServiceServer(server, fakeModels{})
			futurisysv1.RegisterPredictionServiceServer(server, fakePredictions{})
		}),
		Status: fakeStatus{}, Policies: policies, Logger: slog.New(slog.DiscardHandler),
	}
	if database {
		options.Persistence = f.persistence.connect(t, func(server *grpc.Server) {
			futurisysv1.RegisterEmployeeServiceServer(server, fakeEmployees{})
			futurisysv1.RegisterPredictionHistoryServiceServer(server, fakeHistory{})
			futurisysv1.RegisterAuditServiceServer(server, fakeAudit{})
			futurisysv1.RegisterAccessServiceServer(server, fakeAccess{})
		})
	}
	f.dashboard, err = New(options)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func theVersion() *futurisysv1.ModelVersion {
	version := &futurisysv1.ModelVersion{
		Version: 1, SemanticVersion: "1.0.0", State: futurisysv1.ModelVersionState_MODEL_VERSION_STATE_READY,
		Features: []*futurisysv1.ModelFeature{
			{Name: "job_level", Required: true},
			{Name: "overtime", Required: true},
			{Name: "department", Required: true, Categories: []string{"Consulting", "Commercial"}},
			{Name: "last_raise_percent"},
		},
	}
	version.Threshold = &futurisysv1.Threshold{Value: 0.32}
	version.Bands = []*futurisysv1.RiskBand{{Name: "LOW"}, {Name: "HIGH", From: 0.5}}
	version.ExplainMethod = futurisysv1.ExplainMethod_EXPLAIN_METHOD_ADDITIVE
	return version
}

func theModel() *futurisysv1.Model {
	return &futurisysv1.Model{
		Name: "attrition", Champion: theVersion(), Aliases: map[string]int32{"champion": 1}, Versions: []int32{1},
		Source: &futurisysv1.ModelSource{Repository: "folder"},
	}
}

func theProfile() *futurisysv1.EmployeeProfile {
	return &futurisysv1.EmployeeProfile{JobLevel: new(int32(2)), Overtime: new(true), Department: new("Consulting"), Age: new(int32(40))}
}

func theEmployee() *futurisysv1.Employee {
	return &futurisysv1.Employee{Id: 4, DisplayName: "Élodie <b>", Profile: theProfile(), Etag: "1", Generation: 1}
}

func thePrediction() *futurisysv1.Prediction {
	return &futurisysv1.Prediction{
		Id: aPrediction, BatchId: aBatch, EmployeeId: new(int32(4)), Model: "attrition", ModelVersion: 1, Probability: 0.6, Threshold: 0.32,
		Positive: true, RiskBand: "HIGH", Profile: theProfile(), CreateTime: timestamppb.Now(),
		Recording: futurisysv1.Recording_RECORDING_RECORDED, Explanation: &futurisysv1.Explanation{
			Method: futurisysv1.ExplainMethod_EXPLAIN_METHOD_ADDITIVE, Space: futurisysv1.ExplainSpace_EXPLAIN_SPACE_LOG_ODDS,
			Base: -2, Margin: 0.4, Contributions: []*futurisysv1.Contribution{{Feature: "overtime", Contribution: 2.4, Value: &futurisysv1.FeatureValue{
				Kind: &futurisysv1.FeatureValue_Boolean{Boolean: true},
			}}},
		},
	}
}

type fakeModels struct {
	futurisysv1.UnimplementedModelServiceServer
}

func (fakeModels) ListModels(context.Context, *futurisysv1.ListModelsRequest) (*futurisysv1.ListModelsResponse, error) {
	return &futurisysv1.ListModelsResponse{Models: []*futurisysv1.Model{theModel()}, TotalSize: 1}, nil
}

func (fakeModels) GetModel(context.Context, *futurisysv1.GetModelRequest) (*futurisysv1.Model, error) {
	return theModel(), nil
}

func (fakeModels) GetModelVersion(context.Context, *futurisysv1.GetModelVersionRequest) (*futurisysv1.ModelVersion, error) {
	return theVersion(), nil
}

func (fakeModels) ListModelVersions(context.Context, *futurisysv1.ListModelVersionsRequest) (*futurisysv1.ListModelVersionsResponse, error) {
	return &futurisysv1.ListModelVersionsResponse{ModelVersions: []*futurisysv1.ModelVersion{theVersion()}, TotalSize: 1}, nil
}

func (fakeModels) ListFeatureCurves(context.Context, *futurisysv1.ListFeatureCurvesRequest) (*futurisysv1.ListFeatureCurvesResponse, error) {
	number := func(value float64) *futurisysv1.FeatureValue {
		return &futurisysv1.FeatureValue{Kind: &futurisysv1.FeatureValue_Number{Number: value}}
	}
	return &futurisysv1.ListFeatureCurvesResponse{FeatureCurves: []*futurisysv1.FeatureCurve{{
		Feature: "job_level", LabelFr: "Niveau", LabelEn: "Level",
		Points: []*futurisysv1.FeatureCurvePoint{{Value: number(1), Contribution: -1}, {Value: number(5), Contribution: 1}},
	}}, Space: futurisysv1.ExplainSpace_EXPLAIN_SPACE_LOG_ODDS}, nil
}

func (fakeModels) SetModelAlias(context.Context, *futurisysv1.SetModelAliasRequest) (*futurisysv1.Model, error) {
	return theModel(), nil
}

type fakePredictions struct {
	futurisysv1.UnimplementedPredictionServiceServer
}

func (fakePredictions) Predict(context.Context, *futurisysv1.PredictRequest) (*futurisysv1.Prediction, error) {
	return thePrediction(), nil
}

func (fakePredictions) BatchPredict(_ context.Context, request *futurisysv1.BatchPredictRequest) (*futurisysv1.BatchPredictResponse, error) {
	answer := &futurisysv1.BatchPredictResponse{BatchId: aBatch}
	for i := range request.GetProfiles() {
		answer.Results = append(answer.Results, &futurisysv1.RowResult{Index: int32(i), Outcome: &futurisysv1.RowResult_Prediction{Prediction: thePrediction()}})
	}
	return answer, nil
}

func (fakePredictions) PredictEmployees(context.Context, *futurisysv1.PredictEmployeesRequest) (*futurisysv1.PredictEmployeesResponse, error) {
	return &futurisysv1.PredictEmployeesResponse{BatchId: aBatch, PredictedCount: 1, Results: []*futurisysv1.RowResult{
		{Outcome: &futurisysv1.RowResult_Prediction{Prediction: thePrediction()}},
	}}, nil
}

func (fakePredictions) Explain(context.Context, *futurisysv1.ExplainRequest) (*futurisysv1.ExplainResponse, error) {
	score := &futurisysv1.ExplainedScore{Probability: 0.6, RiskBand: "HIGH", Profile: theProfile(), Explanation: thePrediction().GetExplanation()}
	return &futurisysv1.ExplainResponse{Score: score, ChangedScore: score, Differences: []*futurisysv1.ContributionChange{{Feature: "overtime", Difference: -1}}}, nil
}

type fakeEmployees struct {
	futurisysv1.UnimplementedEmployeeServiceServer
}

func (fakeEmployees) GetEmployee(context.Context, *futurisysv1.GetEmployeeRequest) (*futurisysv1.Employee, error) {
	return theEmployee(), nil
}

func (fakeEmployees) ListEmployees(context.Context, *futurisysv1.ListEmployeesRequest) (*futurisysv1.ListEmployeesResponse, error) {
	return &futurisysv1.ListEmployeesResponse{Employees: []*futurisysv1.Employee{theEmployee()}, TotalSize: 1}, nil
}

func (fakeEmployees) BatchGetEmployees(context.Context, *futurisysv1.BatchGetEmployeesRequest) (*futurisysv1.BatchGetEmployeesResponse, error) {
	return &futurisysv1.BatchGetEmployeesResponse{Employees: []*futurisysv1.Employee{theEmployee()}}, nil
}

func (fakeEmployees) UpdateEmployee(context.Context, *futurisysv1.UpdateEmployeeRequest) (*futurisysv1.Employee, error) {
	return theEmployee(), nil
}

func (fakeEmployees) ImportEmployees(stream grpc.BidiStreamingServer[futurisysv1.ImportEmployeesRequest, futurisysv1.ImportEmployeesResponse]) error {
	for {
		if _, err := stream.Recv(); err != nil {
			break
		}
	}
	return stream.Send(&futurisysv1.ImportEmployeesResponse{Content: &futurisysv1.ImportEmployeesResponse_Report{
		Report: &futurisysv1.ImportReport{EmployeeCount: 1, CreatedCount: 1},
	}})
}

type fakeHistory struct {
	futurisysv1.UnimplementedPredictionHistoryServiceServer
}

func (fakeEmployees) EraseEmployee(context.Context, *futurisysv1.EraseEmployeeRequest) (*futurisysv1.EraseEmployeeResponse, error) {
	return &futurisysv1.EraseEmployeeResponse{RecordErased: true, PredictionCount: 3}, nil
}

type fakeAccess struct {
	futurisysv1.UnimplementedAccessServiceServer
}

func (fakeAccess) ListKeys(context.Context, *futurisysv1.ListKeysRequest) (*futurisysv1.ListKeysResponse, error) {
	return &futurisysv1.ListKeysResponse{Keys: []*futurisysv1.ApiKey{{Id: "k", Name: "paie", Owner: "paie", Roles: []string{"scorer"}}}}, nil
}

func (fakeAccess) CreateKey(_ context.Context, request *futurisysv1.CreateKeyRequest) (*futurisysv1.CreateKeyResponse, error) {
	return &futurisysv1.CreateKeyResponse{Key: &futurisysv1.ApiKey{Name: request.GetName()}, Secret: "fsk_secret"}, nil
}

func (fakeAccess) RevokeKey(context.Context, *futurisysv1.RevokeKeyRequest) (*futurisysv1.ApiKey, error) {
	return &futurisysv1.ApiKey{Id: "k"}, nil
}

type fakeAudit struct {
	futurisysv1.UnimplementedAuditServiceServer
}

func (fakeAudit) ListAuditEvents(context.Context, *futurisysv1.ListAuditEventsRequest) (*futurisysv1.ListAuditEventsResponse, error) {
	return &futurisysv1.ListAuditEventsResponse{Events: []*futurisysv1.AuditEvent{
		{Number: 2, Principal: "ana", Action: "GetEmployee", EmployeeIds: []int32{4}},
		{Number: 1, Principal: "bob", Action: "ListEmployees", Filter: `{"riskBand":"HIGH"}`, Refused: true},
	}}, nil
}

func (fakeHistory) GetPrediction(context.Context, *futurisysv1.GetPredictionRequest) (*futurisysv1.Prediction, error) {
	return thePrediction(), nil
}

func (fakeHistory) ListPredictions(context.Context, *futurisysv1.ListPredictionsRequest) (*futurisysv1.ListPredictionsResponse, error) {
	return &futurisysv1.ListPredictionsResponse{Predictions: []*futurisysv1.Prediction{thePrediction()}, TotalSize: 1}, nil
}

type fakeStatus struct {
	futurisysv1.UnimplementedStatusServiceServer
}

func (fakeStatus) GetStatus(context.Context, *futurisysv1.GetStatusRequest) (*futurisysv1.Status, error) {
	return &futurisysv1.Status{Services: []*futurisysv1.ServiceStatus{{
		Service: "gateway", Version: "devel", Ready: true, StartTime: timestamppb.Now(),
	}}}, nil
}
