package routes_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/futurisys/futurisys/gateway/internal/routes"
	"github.com/futurisys/futurisys/proto/policy"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

func table(t testing.TB) *routes.Table {
	t.Helper()
	policies, err := policy.Load()
	if err != nil {
		t.Fatal(err)
	}
	all, err := routes.New(policies)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestRouteIsThatOfTheContract(t *testing.T) {
	all := table(t)
	for at, want := range map[[2]string]string{
		{"GET", "/v1/models"}:                             "/v1/models",
		{"GET", "/v1/models/attrition"}:                   "/v1/models/{model}",
		{"POST", "/v1/models/attrition:predict"}:          "/v1/models/{model}:predict",
		{"POST", "/v1/models:refresh"}:                    "/v1/models:refresh",
		{"POST", "/v1/models/attrition/versions/1:load"}:  "/v1/models/{model}/versions/{version}:load",
		{"GET", "/v1/models/a/versions/1/featureCurves"}:  "/v1/models/{model}/versions/{version}/featureCurves",
		{"GET", "/v1/employees/4/predictions"}:            "/v1/employees/{employee}/predictions",
		{"PATCH", "/v1/employees/4"}:                      "/v1/employees/{employee.id}",
		{"GET", "/v1/models/a:predict"}:                   "", // another method
		{"POST", "/v1/models/a:b:predict"}:                "", // a verb in the name
		{"POST", "/v1/models/:predict"}:                   "", // no name
		{"GET", "/v1/models/"}:                            "",
		{"GET", "/v1"}:                                    "",
		{"GET", "/"}:                                      "",
		{"GET", ""}:                                       "",
		{"GET", "/v1/models/a/versions/1/featureCurves/"}: "",
	} {
		request := httptest.NewRequestWithContext(t.Context(), at[0], "/", nil)
		request.URL.Path = at[1]
		route, ok := all.Find(request)
		if ok != (want != "") || route.Pattern != want || ok && route.Policy == nil {
			t.Errorf("%s %s: got %q, %v", at[0], at[1], route.Pattern, ok)
		}
	}
}

func TestAllowNamesTheMethodsOfAPath(t *testing.T) {
	all := table(t)
	for path, want := range map[string]string{
		"/v1/employees": "GET, HEAD, POST", "/v1/employees/7": "DELETE, GET, HEAD, PATCH", "/v1/models/a:predict": "POST", "/v1/nothing": "",
	} {
		if got := all.Allow(path); got != want {
			t.Errorf("%s: got %q", path, got)
		}
	}
}

func TestPathsOfTheRecordNeedADatabase(t *testing.T) {
	all := table(t)
	for path, want := range map[string]bool{
		"/v1/employees": true, "/v1/employees/7": true, "/v1/predictionConflicts": true, "/v1/models/a:predictEmployees": true,
		"/v1/models/a:predict": false, "/v1/status": false, "/v1/employees/7/nothing": false,
	} {
		if got := all.NeedsDatabase(path); got != want {
			t.Errorf("%s: got %v", path, got)
		}
	}
}

func TestRouteOfItsOwnHasTheMethodsPolicy(t *testing.T) {
	all := table(t)
	const at = "POST /v1/employees:import"
	if err := all.Add(at, futurisysv1.EmployeeService_ImportEmployees_FullMethodName, routes.Route{Form: true}); err != nil {
		t.Fatal(err)
	}
	route, ok := all.Find(httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/employees:import", nil))
	if !ok || !route.Form || route.Policy.GetPermission() != futurisysv1.Permission_PERMISSION_EMPLOYEES_WRITE {
		t.Errorf("got %v, %v", route, ok)
	}
	if err := all.Add("GET /x", "/futurisys.v1.ModelService/Nothing", routes.Route{}); err == nil {
		t.Error("a method that there is not has a route")
	}
}

func BenchmarkFind(b *testing.B) {
	all := table(b)
	request := httptest.NewRequestWithContext(b.Context(), http.MethodPost, "/v1/models/attrition:predict", nil)
	for b.Loop() {
		if _, ok := all.Find(request); !ok {
			b.Fatal("not found")
		}
	}
}
