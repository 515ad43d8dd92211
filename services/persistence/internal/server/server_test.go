package server_test

import (
	"context"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/futurisys/futurisys/proto/catalogue"
	"github.com/futurisys/futurisys/services/persistence/internal/importing"
	"github.com/futurisys/futurisys/services/persistence/internal/server"
	"github.com/futurisys/futurisys/services/persistence/internal/store/gormstore"
	"github.com/futurisys/futurisys/services/platform/grpcclient"
	"github.com/futurisys/futurisys/services/platform/grpcserver"

	internalv1 "github.com/futurisys/futurisys/proto/gen/futurisys/internalapi/v1"
	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// api is the service as its callers see it, over a real connection and database.
type api struct {
	employees futurisysv1.EmployeeServiceClient
	history   futurisysv1.PredictionHistoryServiceClient
	recording internalv1.RecordingServiceClient
}

func start(t *testing.T) api {
	t.Helper()
	rows, err := gormstore.Open(gormstore.Options{URL: "sqlite:" + filepath.Join(t.TempDir(), "test.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = rows.Close() })
	if err := rows.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	importer, err := importing.New(rows)
	if err != nil {
		t.Fatal(err)
	}
	s := grpcserver.New(grpcserver.Options{
		Logger: slog.New(slog.DiscardHandler), Registry: prometheus.NewRegistry(), MaxMessageBytes: grpcclient.MaxMessageBytes,
		MapError: server.MapError,
	})
	futurisysv1.RegisterEmployeeServiceServer(s, server.NewEmployee(rows, importer))
	futurisysv1.RegisterPredictionHistoryServiceServer(s, server.NewHistory(rows))
	internalv1.RegisterRecordingServiceServer(s, server.NewRecording(rows))
	if err := s.Prepare(); err != nil {
		t.Fatal(err)
	}
	listener := bufconn.Listen(1 << 20)
	go func() { _ = s.Serve(listener) }()
	t.Cleanup(s.Stop)
	connection, err := grpc.NewClient("passthrough:///test",
		grpc.WithContextDialer(func(context.Context, string) (net.Conn, error) { return listener.Dial() }),
		grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = connection.Close() })
	return api{
		futurisysv1.NewEmployeeServiceClient(connection),
		futurisysv1.NewPredictionHistoryServiceClient(connection),
		internalv1.NewRecordingServiceClient(connection),
	}
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

func mustCreate(t *testing.T, a api, employee *futurisysv1.Employee) *futurisysv1.Employee {
	t.Helper()
	created, err := a.employees.CreateEmployee(t.Context(), &futurisysv1.CreateEmployeeRequest{Employee: employee})
	if err != nil {
		t.Fatal(err)
	}
	return created
}

func equal(t *testing.T, got, want proto.Message) {
	t.Helper()
	if difference := cmp.Diff(want, got, protocmp.Transform()); difference != "" {
		t.Errorf("not what was expected (-want +got):\n%s", difference)
	}
}

// The profile is copied field by field between three forms: one that is forgotten
// would be lost without a sound.
func TestEveryFieldOfAProfileIsKept(t *testing.T) {
	a := start(t)
	profile := &futurisysv1.EmployeeProfile{}
	fields := profile.ProtoReflect().Descriptor().Fields()
	for i := range fields.Len() {
		field := fields.Get(i)
		switch field.Kind().String() {
		case "int32":
			profile.ProtoReflect().Set(field, protoValue(int32(i%4+1)))
		case "bool":
			profile.ProtoReflect().Set(field, protoValue(true))
		default:
			profile.ProtoReflect().Set(field, protoValue("v"+string(field.Name())))
		}
	}
	profile.Age = proto.Int32(33)
	created := mustCreate(t, a, &futurisysv1.Employee{Id: 5, Profile: profile})
	equal(t, created.GetProfile(), profile)
	read, err := a.employees.GetEmployee(t.Context(), &futurisysv1.GetEmployeeRequest{Employee: 5})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, read, created)

	prediction := aPrediction(profile)
	record(t, a, prediction)
	stored, err := a.history.GetPrediction(t.Context(), &futurisysv1.GetPredictionRequest{Prediction: strings.ToUpper(prediction.GetId())})
	if err != nil {
		t.Fatal(err)
	}
	prediction.Recording = futurisysv1.Recording_RECORDING_RECORDED
	prediction.CommitSequence = stored.GetCommitSequence()
	// What a version without kinds and generations left in its outbox.
	prediction.Kind, prediction.ProfileSource = futurisysv1.PredictionKind_PREDICTION_KIND_SCORE, futurisysv1.ProfileSource_PROFILE_SOURCE_RECORD
	prediction.EmployeeGeneration = 1
	equal(t, stored, prediction)
}

func aPrediction(profile *futurisysv1.EmployeeProfile) *futurisysv1.Prediction {
	return &futurisysv1.Prediction{
		Id: uuid.Must(uuid.NewV7()).String(), BatchId: uuid.NewString(), EmployeeId: proto.Int32(5), Model: "attrition", ModelVersion: 1,
		ModelRevision: "sha256:x", Probability: 0.25, Threshold: 0.32, PredictedLabel: "stays", RiskBand: "MODERATE", Profile: profile,
		Warnings:   []*futurisysv1.Violation{catalogue.Violation(futurisysv1.ViolationReason_VIOLATION_REASON_OUTSIDE_TRAINING_RANGE, "age", "value", 80, "min", 18, "max", 60)},
		CreateTime: timestamppb.New(timestamppb.Now().AsTime().Truncate(1000)),
	}
}

func record(t *testing.T, a api, predictions ...*futurisysv1.Prediction) {
	t.Helper()
	answer, err := a.recording.RecordPredictions(t.Context(), &internalv1.RecordPredictionsRequest{Predictions: predictions})
	if err != nil || int(answer.GetAddedCount()) != len(predictions) {
		t.Fatalf("added %v, %v", answer, err)
	}
}

func TestEmployeeIsRefused(t *testing.T) {
	a := start(t)
	mustCreate(t, a, &futurisysv1.Employee{Id: 1})
	create := func(e *futurisysv1.Employee) error {
		_, err := a.employees.CreateEmployee(t.Context(), &futurisysv1.CreateEmployeeRequest{Employee: e})
		return err
	}
	fields := refused(t, create(&futurisysv1.Employee{
		Id: -1, DisplayName: strings.Repeat("x", 201),
		Profile: &futurisysv1.EmployeeProfile{Age: proto.Int32(5), Department: new(""), JobTitle: new("a\x00b")},
	}), codes.InvalidArgument, "INVALID_ARGUMENT")
	for _, field := range []string{"employee.id", "employee.display_name", "employee.profile.age", "employee.profile.department", "employee.profile.job_title"} {
		if fields[field] == "" {
			t.Errorf("%s is not listed in %v", field, fields)
		}
	}
	refused(t, create(nil), codes.InvalidArgument, "INVALID_ARGUMENT")
	refused(t, create(&futurisysv1.Employee{Id: 1}), codes.AlreadyExists, "EMPLOYEE_ALREADY_EXISTS")
	_, err := a.employees.GetEmployee(t.Context(), &futurisysv1.GetEmployeeRequest{Employee: 9})
	refused(t, err, codes.NotFound, "EMPLOYEE_NOT_FOUND")
	_, err = a.employees.DeleteEmployee(t.Context(), &futurisysv1.DeleteEmployeeRequest{Employee: 9})
	refused(t, err, codes.NotFound, "EMPLOYEE_NOT_FOUND")
	for _, request := range []*futurisysv1.ListEmployeesRequest{
		{PageSize: -1}, {OrderBy: "department"}, {Search: "\x00"}, {Department: strings.Repeat("x", 101)},
	} {
		_, err = a.employees.ListEmployees(t.Context(), request)
		refused(t, err, codes.InvalidArgument, "INVALID_ARGUMENT")
	}
}

func TestEmployeeUpdate(t *testing.T) {
	a := start(t)
	before := mustCreate(t, a, &futurisysv1.Employee{Id: 1, DisplayName: "Ada", Profile: &futurisysv1.EmployeeProfile{
		Age: proto.Int32(30), Overtime: new(true), Department: new("Consulting"),
	}})
	update := func(e *futurisysv1.Employee, paths ...string) (*futurisysv1.Employee, error) {
		request := &futurisysv1.UpdateEmployeeRequest{Employee: e}
		if paths != nil {
			request.UpdateMask = &fieldmaskpb.FieldMask{Paths: paths}
		}
		return a.employees.UpdateEmployee(t.Context(), request)
	}
	// Without a mask: what is given, false included.
	after, err := update(&futurisysv1.Employee{Id: 1, Etag: before.GetEtag(), Profile: &futurisysv1.EmployeeProfile{Overtime: new(false)}})
	if err != nil || after.GetProfile().GetOvertime() || after.GetProfile().GetAge() != 30 || after.GetDisplayName() != "Ada" {
		t.Fatalf("got %v, %v", after, err)
	}
	_, err = update(&futurisysv1.Employee{Id: 1, Etag: before.GetEtag(), DisplayName: "Bob"})
	refused(t, err, codes.Aborted, "ETAG_MISMATCH")
	// A named field without a value is emptied.
	after, err = update(&futurisysv1.Employee{Id: 1}, "profile.age", "display_name")
	if err != nil || after.GetProfile().Age != nil || after.GetDisplayName() != "" || after.GetProfile().GetDepartment() != "Consulting" {
		t.Fatalf("got %v, %v", after, err)
	}
	after, err = update(&futurisysv1.Employee{Id: 1, Profile: &futurisysv1.EmployeeProfile{Age: proto.Int32(44)}}, "profile")
	if err != nil || after.GetProfile().Department != nil || after.GetProfile().GetAge() != 44 {
		t.Fatalf("got %v, %v", after, err)
	}
	// What was read may be written back: what only the service says changes nothing.
	unchanged := after
	after, err = update(&futurisysv1.Employee{Id: 1, DisplayName: "Ada"}, "id", "display_name", "create_time", "latest_prediction.create_time")
	if err != nil || after.GetDisplayName() != "Ada" || !after.GetCreateTime().AsTime().Equal(unchanged.GetCreateTime().AsTime()) {
		t.Fatalf("got %v, %v", after, err)
	}
	for _, path := range []string{"nothing", "profile.nothing", "*"} {
		_, err = update(&futurisysv1.Employee{Id: 1}, path)
		if fields := refused(t, err, codes.InvalidArgument, "INVALID_ARGUMENT"); fields["update_mask"] == "" {
			t.Errorf("%s: %v", path, fields)
		}
	}
	_, err = update(&futurisysv1.Employee{Id: 9, DisplayName: "x"})
	refused(t, err, codes.NotFound, "EMPLOYEE_NOT_FOUND")
	_, err = update(&futurisysv1.Employee{DisplayName: "x"})
	refused(t, err, codes.InvalidArgument, "INVALID_ARGUMENT")
	_, err = a.employees.DeleteEmployee(t.Context(), &futurisysv1.DeleteEmployeeRequest{Employee: 1, Etag: before.GetEtag()})
	refused(t, err, codes.Aborted, "ETAG_MISMATCH")
	if _, err = a.employees.DeleteEmployee(t.Context(), &futurisysv1.DeleteEmployeeRequest{Employee: 1, Etag: after.GetEtag()}); err != nil {
		t.Fatal(err)
	}
}

func TestBatchGetSaysWhoIsMissing(t *testing.T) {
	a := start(t)
	for _, id := range []int32{3, 1, 7} {
		mustCreate(t, a, &futurisysv1.Employee{Id: id})
	}
	got, err := a.employees.BatchGetEmployees(t.Context(), &futurisysv1.BatchGetEmployeesRequest{EmployeeIds: []int32{9, 7, 2, 1, 7}})
	if err != nil || len(got.GetEmployees()) != 2 || cmp.Diff(got.GetMissingIds(), []int32{2, 9}) != "" {
		t.Fatalf("got %v, %v", got, err)
	}
	for _, ids := range [][]int32{nil, {0}, make([]int32, 10001)} {
		_, err = a.employees.BatchGetEmployees(t.Context(), &futurisysv1.BatchGetEmployeesRequest{EmployeeIds: ids})
		refused(t, err, codes.InvalidArgument, "INVALID_ARGUMENT")
	}
}

func protoValue(value any) protoreflect.Value { return protoreflect.ValueOf(value) }

// Beyond the end of a list nothing is said of how long it is: no employee of the page would tell
// the audit events about whom that was asked.
func TestBeyondTheEndNothingIsSaid(t *testing.T) {
	a := start(t)
	first, second := mustCreate(t, a, &futurisysv1.Employee{DisplayName: "Ana"}), mustCreate(t, a, &futurisysv1.Employee{DisplayName: "Ana"})
	page, err := a.employees.ListEmployees(t.Context(), &futurisysv1.ListEmployeesRequest{Search: "Ana", PageSize: 1})
	if err != nil || page.GetTotalSize() != 2 || page.GetEmployees()[0].GetId() != first.GetId() {
		t.Fatalf("got %v, %v", page, err)
	}
	if _, err := a.employees.DeleteEmployee(t.Context(), &futurisysv1.DeleteEmployeeRequest{Employee: second.GetId()}); err != nil {
		t.Fatal(err)
	}
	page, err = a.employees.ListEmployees(t.Context(), &futurisysv1.ListEmployeesRequest{Search: "Ana", PageSize: 1, PageToken: page.GetNextPageToken()})
	if err != nil || len(page.GetEmployees()) != 0 || page.GetTotalSize() != 0 {
		t.Errorf("got %v, %v", page, err)
	}
}
