package mux_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/futurisys/futurisys/gateway/internal/mux"
	"github.com/futurisys/futurisys/gateway/internal/routes"
	"github.com/futurisys/futurisys/proto/policy"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// service notes what reaches it, and answers with as little as can be.
type service struct {
	futurisysv1.UnimplementedPredictionServiceServer
	futurisysv1.UnimplementedEmployeeServiceServer
	futurisysv1.UnimplementedModelServiceServer

	mu    sync.Mutex // held while an import goes on
	last  proto.Message
	batch *futurisysv1.BatchPredictResponse // the answer to every batch
	files map[futurisysv1.ImportFileKind]string
}

func (s *service) Predict(_ context.Context, request *futurisysv1.PredictRequest) (*futurisysv1.Prediction, error) {
	s.last = request
	return &futurisysv1.Prediction{Id: "1", Probability: 0.5}, nil
}

func (s *service) BatchPredict(context.Context, *futurisysv1.BatchPredictRequest) (*futurisysv1.BatchPredictResponse, error) {
	return s.batch, nil
}

func (s *service) ListEmployees(_ context.Context, request *futurisysv1.ListEmployeesRequest) (*futurisysv1.ListEmployeesResponse, error) {
	s.last = request
	return &futurisysv1.ListEmployeesResponse{}, nil
}

func (s *service) UpdateEmployee(_ context.Context, request *futurisysv1.UpdateEmployeeRequest) (*futurisysv1.Employee, error) {
	s.last = request
	return request.GetEmployee(), nil
}

func (s *service) DeleteEmployee(_ context.Context, request *futurisysv1.DeleteEmployeeRequest) (*emptypb.Empty, error) {
	s.last = request
	return &emptypb.Empty{}, nil
}

func (s *service) ImportEmployees(stream grpc.BidiStreamingServer[futurisysv1.ImportEmployeesRequest, futurisysv1.ImportEmployeesResponse]) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.files = map[futurisysv1.ImportFileKind]string{}
	for {
		message, err := stream.Recv()
		if err == io.EOF { //nolint:errorlint // gRPC's own
			break
		}
		if err != nil {
			return err //nolint:wrapcheck // a status
		}
		if options := message.GetOptions(); options != nil {
			s.last = options
			continue
		}
		s.files[message.GetChunk().GetKind()] += string(message.GetChunk().GetData())
	}
	return stream.Send(&futurisysv1.ImportEmployeesResponse{Content: &futurisysv1.ImportEmployeesResponse_Report{
		Report: &futurisysv1.ImportReport{EmployeeCount: int32(len(s.files))},
	}})
}

// open serves REST over one service that stands for both; without a database it has none.
func open(t *testing.T, database bool) (*service, http.Handler) {
	t.Helper()
	s, server, listener := &service{}, grpc.NewServer(), bufconn.Listen(1<<20)
	futurisysv1.RegisterPredictionServiceServer(server, s)
	futurisysv1.RegisterEmployeeServiceServer(server, s)
	futurisysv1.RegisterModelServiceServer(server, s)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	connection, err := grpc.NewClient("passthrough:///test", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(context.Context, string) (net.Conn, error) { return listener.Dial() }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = connection.Close() })
	policies, err := policy.Load()
	if err != nil {
		t.Fatal(err)
	}
	table, err := routes.New(policies)
	if err != nil {
		t.Fatal(err)
	}
	services := mux.Services{Inference: connection, Status: futurisysv1.UnimplementedStatusServiceServer{}}
	if database {
		services.Persistence = connection
	}
	handler, err := mux.New(t.Context(), services, table)
	if err != nil {
		t.Fatal(err)
	}
	return s, handler
}

// answered is what REST answered.
type answered struct {
	code   int
	header http.Header
	body   string
	fields []string // of its violations
}

func ask(t *testing.T, handler http.Handler, method, path, body string) answered {
	t.Helper()
	return do(handler, httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body)))
}

func do(handler http.Handler, request *http.Request) answered {
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, request)
	out := answered{code: recorder.Code, header: recorder.Header(), body: recorder.Body.String()}
	var failure struct {
		Details []struct {
			Violations []struct {
				Field string `json:"field"`
			} `json:"violations"`
		} `json:"details"`
	}
	_ = json.Unmarshal(recorder.Body.Bytes(), &failure) // an answer that is none has no fields
	for _, detail := range failure.Details {
		for _, v := range detail.Violations {
			out.fields = append(out.fields, v.Field)
		}
	}
	return out
}

func TestRequestsReachTheServiceAsTheyAreMeant(t *testing.T) {
	s, handler := open(t, true)
	for name, test := range map[string]struct {
		method, path, body string
		want               proto.Message
	}{
		"a body": {
			http.MethodPost, "/v1/models/attrition:predict", `{"profile": {"age": 40, "overtime": true}, "kind": "PREDICTION_KIND_SIMULATION"}`,
			&futurisysv1.PredictRequest{
				Model: "attrition", Profile: &futurisysv1.EmployeeProfile{Age: new(int32(40)), Overtime: new(true)},
				Kind: futurisysv1.PredictionKind_PREDICTION_KIND_SIMULATION,
			},
		},
		"proto names": {
			http.MethodPost, "/v1/models/attrition:predict", `{"profile": {"monthly_income": 3e3}, "request_id": "a"}`,
			&futurisysv1.PredictRequest{Model: "attrition", Profile: &futurisysv1.EmployeeProfile{MonthlyIncome: new(int32(3000))}, RequestId: "a"},
		},
		"a name that is escaped": {
			http.MethodPost, "/v1/models/a%20b:predict", `{}`,
			&futurisysv1.PredictRequest{Model: "a b"},
		},
		"a name with a slash": {
			http.MethodPost, "/v1/models/a%2Fb:predict", `{}`,
			&futurisysv1.PredictRequest{Model: "a/b"},
		},
		"a name with a colon": {
			http.MethodPost, "/v1/models/a%3Ab:predict", `{}`,
			&futurisysv1.PredictRequest{Model: "a:b"},
		},
		"a query": {
			http.MethodGet, "/v1/employees?pageSize=7&orderBy=id&search=a%26b", "",
			&futurisysv1.ListEmployeesRequest{PageSize: 7, OrderBy: "id", Search: "a&b"},
		},
		"a number in the path": {
			http.MethodDelete, "/v1/employees/12?etag=3", "",
			&futurisysv1.DeleteEmployeeRequest{Employee: 12, Etag: "3"},
		},
	} {
		s.last = nil
		if got := ask(t, handler, test.method, test.path, test.body); got.code != http.StatusOK {
			t.Errorf("%s: got %d %s", name, got.code, got.body)
		}
		if !proto.Equal(s.last, test.want) {
			t.Errorf("%s: got %v, want %v", name, s.last, test.want)
		}
	}
	// What is given is what is changed.
	if got := ask(t, handler, http.MethodPatch, "/v1/employees/4", `{"profile": {"age": 41}}`); got.code != http.StatusOK {
		t.Fatalf("got %d %s", got.code, got.body)
	}
	update, _ := s.last.(*futurisysv1.UpdateEmployeeRequest)
	if update.GetEmployee().GetId() != 4 || !slices.Equal(update.GetUpdateMask().GetPaths(), []string{"profile.age"}) {
		t.Errorf("got %v", update)
	}
}

func TestRequestsThatAreRefused(t *testing.T) {
	s, handler := open(t, true)
	for name, test := range map[string]struct {
		method, path, body string
		code               int
		fields             []string
		says               string
	}{
		"no body":                   {http.MethodPost, "/v1/models/a:predict", "", 400, []string{""}, "empty"},
		"no JSON":                   {http.MethodPost, "/v1/models/a:predict", "{", 400, nil, "INVALID_ARGUMENT"},
		"a list":                    {http.MethodPost, "/v1/models/a:predict", "[]", 400, nil, "INVALID_ARGUMENT"},
		"two mistakes":              {http.MethodPost, "/v1/models/a:predict", `{"profile": {"age": "x", "overtime": 1}}`, 400, []string{"profile.age", "profile.overtime"}, ""},
		"a field that there is not": {http.MethodPost, "/v1/models/a:predict", `{"profil": {}}`, 400, []string{"profil"}, ""},
		"a field twice":             {http.MethodPost, "/v1/models/a:predict", `{"profile": {}, "profile": {}}`, 400, []string{"profile"}, ""},
		"a word for an enum":        {http.MethodPost, "/v1/models/a:predict", `{"kind": "GUESS"}`, 400, []string{"kind"}, ""},
		"a query beside a body":     {http.MethodPost, "/v1/models/a:predict?profile.age=4", `{}`, 400, []string{"profile.age"}, "unknown"},
		"an unknown parameter":      {http.MethodGet, "/v1/employees?departement=x", "", 400, []string{"departement"}, "unknown"},
		"a parameter twice":         {http.MethodGet, "/v1/employees?search=a&search=b", "", 400, []string{"search"}, "more than once"},
		"a parameter of a word":     {http.MethodGet, "/v1/employees?pageSize=x", "", 400, []string{"pageSize"}, ""},
		"all that is wrong":         {http.MethodGet, "/v1/employees?pageSize=x&nothing=1", "", 400, []string{"nothing", "pageSize"}, ""},
		"a number that is none":     {http.MethodDelete, "/v1/employees/x", "", 400, []string{"employee"}, "must be an integer"},
		"a number too great":        {http.MethodDelete, "/v1/employees/99999999999", "", 400, []string{"employee"}, "between"},
		"a body of a field":         {http.MethodPatch, "/v1/employees/4", `{"profile": {"age": {}}}`, 400, []string{"profile.age"}, ""},
		"the path's own in a query": {http.MethodDelete, "/v1/employees/4?employee=5", "", 400, []string{"employee"}, "unknown"},
		"another id than the path":  {http.MethodPatch, "/v1/employees/4", `{"id": 5, "profile": {"age": 41}}`, 400, []string{"employee.id"}, "in the body"},
		"another model":             {http.MethodPost, "/v1/models/a:predict", `{"model": "b", "profile": {}}`, 400, []string{"model"}, "in the body"},
		"both names of a parameter": {http.MethodGet, "/v1/employees?pageSize=3&page_size=4", "", 400, []string{"pageSize"}, "more than once"},
		"a day for a time":          {http.MethodGet, "/v1/predictions?createTimeFrom=2026-11-25", "", 400, []string{"createTimeFrom"}, "RFC 3339"},
		"a plus that is a blank":    {http.MethodGet, "/v1/predictions?createTimeFrom=2026-11-25T00:00:00+01:00", "", 400, []string{"createTimeFrom"}, "%2B"},
		"a time before the first":   {http.MethodGet, "/v1/predictions?createTimeFrom=0000-01-01T00:00:00Z", "", 400, []string{"createTimeFrom"}, "RFC 3339"},
		"another method":            {http.MethodPut, "/v1/employees/4", "{}", 405, nil, "METHOD_NOT_ALLOWED"},
		"another method of a verb":  {http.MethodGet, "/v1/models/a:predict", "", 405, nil, "METHOD_NOT_ALLOWED"},
		"another method of import":  {http.MethodGet, "/v1/employees:import", "", 405, nil, "METHOD_NOT_ALLOWED"},
		"a path that there is not":  {http.MethodGet, "/v1/nothing", "", 404, nil, "ROUTE_NOT_FOUND"},
		"a slash that is none":      {http.MethodPost, "/v1%2Fmodels/a:predict", "{}", 404, nil, "ROUTE_NOT_FOUND"},
		"an escaped verb":           {http.MethodPost, "/v1/models/a%3Apredict", "{}", 405, nil, "METHOD_NOT_ALLOWED"},
		"a verb that there is not":  {http.MethodPost, "/v1/models/a:guess", "{}", 404, nil, "ROUTE_NOT_FOUND"},
	} {
		s.last = nil
		got := ask(t, handler, test.method, test.path, test.body)
		if got.code != test.code || !strings.Contains(got.body, test.says) {
			t.Errorf("%s: got %d %s", name, got.code, got.body)
		}
		slices.Sort(got.fields)
		if test.fields != nil && !slices.Equal(got.fields, test.fields) {
			t.Errorf("%s: the fields are %q, want %q", name, got.fields, test.fields)
		}
		if (got.code == http.StatusMethodNotAllowed) != (got.header.Get("Allow") != "") {
			t.Errorf("%s: Allow is %q", name, got.header.Get("Allow"))
		}
		if s.last != nil {
			t.Errorf("%s: it reached the service: %v", name, s.last)
		}
	}
}

func TestWithoutADatabase(t *testing.T) {
	_, handler := open(t, false)
	for path, code := range map[string]int{
		"/v1/employees": 404, "/v1/employees/4": 404, "/v1/predictions": 404, "/v1/employees:import": 404,
	} {
		got := ask(t, handler, http.MethodGet, path, "")
		if got.code == http.StatusOK || !strings.Contains(got.body, "NO_DATABASE") {
			t.Errorf("%s: got %d %s, want %d", path, got.code, got.body, code)
		}
	}
	if got := ask(t, handler, http.MethodPost, "/v1/models/attrition:predict", `{}`); got.code != http.StatusOK {
		t.Errorf("a prediction needs none: got %d %s", got.code, got.body)
	}
}

// form is a form of files by the names of its parts, in order.
func form(t *testing.T, parts ...string) (*bytes.Buffer, string) {
	t.Helper()
	var body bytes.Buffer
	writer := multipart.NewWriter(&body)
	for i := 0; i < len(parts); i += 2 {
		part, err := writer.CreateFormFile(parts[i], parts[i]+".csv")
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(part, parts[i+1])
	}
	_ = writer.Close()
	return &body, writer.FormDataContentType()
}

func TestImportTakesAForm(t *testing.T) {
	s, handler := open(t, true)
	send := func(path, contentType string, body io.Reader) answered {
		request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, body)
		request.Header.Set("Content-Type", contentType)
		return do(handler, request)
	}
	large := strings.Repeat("x", 600<<10) // more than a piece
	body, kind := form(t, "extrait_sirh", large, "extrait_eval", "", "extrait_sondage", "c")
	got := send("/v1/employees:import?validateOnly=true", kind, body)
	s.mu.Lock()
	options, _ := s.last.(*futurisysv1.ImportOptions)
	if got.code != http.StatusOK || !options.GetValidateOnly() || s.files[futurisysv1.ImportFileKind_IMPORT_FILE_KIND_SIRH] != large || len(s.files) != 3 {
		t.Errorf("got %d %s, %v, %d files", got.code, got.body, options, len(s.files))
	}
	s.mu.Unlock()
	for name, test := range map[string]struct {
		path  string
		parts []string
		says  string
	}{
		"an unknown part":       {"/v1/employees:import", []string{"file", "x"}, "joined, or extrait_sirh"},
		"a part twice":          {"/v1/employees:import", []string{"joined", "x", "joined", "y"}, "more than once"},
		"an unknown parameter":  {"/v1/employees:import?dryRun=true", []string{"joined", "x"}, "dryRun"},
		"a parameter of a word": {"/v1/employees:import?validateOnly=maybe", []string{"joined", "x"}, "true or false"},
	} {
		body, kind := form(t, test.parts...)
		if got := send(test.path, kind, body); got.code != http.StatusBadRequest || !strings.Contains(got.body, test.says) {
			t.Errorf("%s: got %d %s", name, got.code, got.body)
		}
	}
	if got := send("/v1/employees:import", "application/json", strings.NewReader("{}")); got.code != http.StatusUnsupportedMediaType {
		t.Errorf("JSON: got %d %s", got.code, got.body)
	}
	body, kind = form(t, "joined", "x")
	if got := send("/v1/employees:import", kind, bytes.NewReader(body.Bytes()[:body.Len()-20])); got.code != http.StatusBadRequest {
		t.Errorf("a form that is cut off: got %d %s", got.code, got.body)
	}
}
