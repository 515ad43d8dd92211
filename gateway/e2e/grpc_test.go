package e2e

import (
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// The same over gRPC: what an internal service does, recorded all the same.
func TestGRPCCallers(t *testing.T) {
	databases(t, func(t *testing.T, s *stack) {
		s.upload("", heldOut(), nil).into(t, &futurisysv1.ImportReport{})
		connection, err := grpc.NewClient(s.grpc, grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			t.Fatal(err)
		}
		defer connection.Close()
		predictions := futurisysv1.NewPredictionServiceClient(connection)
		scored, err := predictions.PredictEmployees(t.Context(), &futurisysv1.PredictEmployeesRequest{Model: "attrition", EmployeeIds: []int32{4, 5, 14}})
		if err != nil || scored.GetPredictedCount() != 3 {
			t.Fatalf("got %v, %v", scored, err)
		}
		want := pythonScores(t, 1)
		for i, id := range []int32{4, 5, 14} {
			compare(t, scored.GetResults()[i].GetPrediction(), id, want)
		}
		model, err := futurisysv1.NewModelServiceClient(connection).GetModel(t.Context(), &futurisysv1.GetModelRequest{Model: "attrition"})
		if err != nil {
			t.Fatal(err)
		}
		stream, err := predictions.StreamPredict(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		const rows = 20
		for range rows {
			if err := stream.Send(&futurisysv1.StreamPredictRequest{Model: "attrition", Profile: model.GetChampion().GetExampleProfile()}); err != nil {
				t.Fatal(err)
			}
		}
		if err := stream.CloseSend(); err != nil {
			t.Fatal(err)
		}
		answered := 0
		for {
			if _, err := stream.Recv(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			answered++
		}
		var history futurisysv1.ListPredictionsResponse
		s.call(http.MethodGet, "/v1/predictions", nil).into(t, &history)
		if answered != rows || history.GetTotalSize() != rows+3 {
			t.Errorf("%d answered, %d on record", answered, history.GetTotalSize())
		}
	})
}

// grpcurl and Postman find the services by reflection; prod does not offer it.
func TestReflectionIsThereOutsideProd(t *testing.T) {
	s := start(t, options{environment: []string{"ENVIRONMENT=demo"}})
	if !slices.Contains(reflected(t, s.grpc, insecure.NewCredentials()), "futurisys.v1.PredictionService") {
		t.Error("the demo must offer reflection")
	}
	settings, folder := newGuarded(t).prodSettings(t)
	s = start(t, options{environment: append(settings, "PERSISTENCE_TARGET=")})
	if services := reflected(t, s.grpc, credentials.NewTLS(trusting(t, folder, "gateway"))); len(services) != 0 {
		t.Errorf("prod must not offer reflection, got %v", services)
	}
}

func reflected(t *testing.T, address string, encrypted credentials.TransportCredentials) []string {
	t.Helper()
	connection, err := grpc.NewClient(address, grpc.WithTransportCredentials(encrypted))
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	stream, err := reflectionv1.NewServerReflectionClient(connection).ServerReflectionInfo(t.Context())
	if err != nil {
		return nil
	}
	if err := stream.Send(&reflectionv1.ServerReflectionRequest{MessageRequest: &reflectionv1.ServerReflectionRequest_ListServices{}}); err != nil {
		return nil
	}
	answer, err := stream.Recv()
	if err != nil {
		return nil
	}
	var names []string
	for _, service := range answer.GetListServicesResponse().GetService() {
		names = append(names, service.GetName())
	}
	return names
}

// A call that is under way when the programs are asked to stop is still answered.
func TestStoppingAnswersWhatIsUnderWay(t *testing.T) {
	s := start(t, options{database: sqliteURL(t)})
	example := exampleJSON(t, s)
	body := `{"profiles": [` + example + strings.Repeat(","+example, 4000) + `]}`
	answered := make(chan answer, 1)
	go func() { answered <- s.call(http.MethodPost, "/v1/models/attrition:batchPredict", body) }()
	time.Sleep(50 * time.Millisecond)
	s.gateway.stop()
	s.inference.stop()
	s.persistence.stop()
	var batch futurisysv1.BatchPredictResponse
	(<-answered).into(t, &batch)
	if batch.GetPredictedCount() != 4001 {
		t.Errorf("%d of 4001", batch.GetPredictedCount())
	}
	for _, result := range batch.GetResults() {
		if result.GetPrediction().GetRecording() != futurisysv1.Recording_RECORDING_RECORDED {
			t.Fatalf("got %s", result.GetPrediction().GetRecording())
		}
	}
}
