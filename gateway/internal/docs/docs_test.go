package docs_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/futurisys/futurisys/gateway/internal/docs"
	"github.com/futurisys/futurisys/proto/gen/openapi"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// models has one model, of which the document is told, unless it is away.
type models struct {
	futurisysv1.ModelServiceClient

	champion *futurisysv1.ModelVersion
	err      error
}

func (m *models) ListModels(context.Context, *futurisysv1.ListModelsRequest, ...grpc.CallOption) (*futurisysv1.ListModelsResponse, error) {
	return &futurisysv1.ListModelsResponse{Models: []*futurisysv1.Model{{Name: "attrition"}}}, m.err
}

func (m *models) GetModel(_ context.Context, request *futurisysv1.GetModelRequest, _ ...grpc.CallOption) (*futurisysv1.Model, error) {
	return &futurisysv1.Model{Name: request.GetModel(), Champion: m.champion}, m.err
}

func get(t *testing.T, m *models, path string) *httptest.ResponseRecorder {
	t.Helper()
	pages := http.NewServeMux()
	if err := docs.Register(pages, docs.Sources{Models: m}, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	recorder := httptest.NewRecorder()
	pages.ServeHTTP(recorder, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, http.NoBody))
	return recorder
}

func champion() *futurisysv1.ModelVersion {
	return &futurisysv1.ModelVersion{
		Model: "attrition", Version: 3, ExampleProfile: &futurisysv1.EmployeeProfile{Age: new(int32(41)), Department: new("Consulting")},
		Features: []*futurisysv1.ModelFeature{
			{Name: "age", Min: new(18.0), Max: new(60.0)}, {Name: "department", Categories: []string{"Commercial", "Consulting"}},
		},
	}
}

func TestTheDocumentKnowsWhatTheModelTakes(t *testing.T) {
	got := get(t, &models{champion: champion()}, "/openapi.json")
	if got.Code != http.StatusOK || got.Header().Get("Content-Type") != "application/json" || !json.Valid(got.Body.Bytes()) {
		t.Fatalf("got %d %v", got.Code, got.Header())
	}
	for _, part := range []string{"attrition/3 takes: Commercial, Consulting", "18", `"Consulting"`} {
		if !strings.Contains(got.Body.String(), part) {
			t.Errorf("%q is not in the document", part)
		}
	}
}

// The document is served, whatever inference does.
func TestTheDocumentIsServedWithoutTheModel(t *testing.T) {
	for name, m := range map[string]*models{
		"inference is away":   {err: status.Error(codes.Unavailable, "connection refused")},
		"nothing is loaded":   {},
		"it uses no field":    {champion: &futurisysv1.ModelVersion{Model: "attrition", Version: 1}},
		"it uses another one": {champion: &futurisysv1.ModelVersion{Model: "attrition", Version: 1, Features: []*futurisysv1.ModelFeature{{Name: "nothing"}}}},
	} {
		got := get(t, m, "/openapi.json")
		if got.Code != http.StatusOK || !json.Valid(got.Body.Bytes()) || got.Body.Len() < len(openapi.Document)/2 {
			t.Errorf("%s: got %d, %d bytes", name, got.Code, got.Body.Len())
		}
	}
}

func TestSwaggerUIHasAPolicyOfItsOwn(t *testing.T) {
	page := get(t, &models{}, "/docs/")
	if page.Code != http.StatusOK || strings.Contains(page.Header().Get("Content-Security-Policy"), "script-src 'unsafe") {
		t.Errorf("got %d %v", page.Code, page.Header())
	}
	if got := get(t, &models{}, "/docs/nothing.js"); got.Code != http.StatusNotFound {
		t.Errorf("got %d", got.Code)
	}
	if got := get(t, &models{}, "/docs/../../go.mod"); got.Code == http.StatusOK {
		t.Error("a file from elsewhere is served")
	}
}

// Swagger UI is a megabyte and a half, and a quarter of it compressed.
func TestTheBundleIsCompressed(t *testing.T) {
	pages := http.NewServeMux()
	if err := docs.Register(pages, docs.Sources{Models: &models{champion: champion()}}, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/docs/swagger-ui-bundle.js", "/openapi.json"} {
		request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, http.NoBody)
		request.Header.Set("Accept-Encoding", "gzip")
		recorder := httptest.NewRecorder()
		pages.ServeHTTP(recorder, request)
		if recorder.Code != http.StatusOK || recorder.Header().Get("Content-Encoding") != "gzip" {
			t.Errorf("%s: got %d, %v, %d bytes", path, recorder.Code, recorder.Header(), recorder.Body.Len())
		}
	}
}
