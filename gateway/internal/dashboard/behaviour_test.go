package dashboard

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/futurisys/futurisys/gateway/internal/middleware"
	"github.com/futurisys/futurisys/services/platform/apierr"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// part asks as htmx does: for a part of the page.
func (f *fakes) part(t *testing.T, q question) *httptest.ResponseRecorder {
	t.Helper()
	request := q.request(t)
	request.Header.Set("Hx-Request", "true")
	recorder := httptest.NewRecorder()
	f.dashboard.ServeHTTP(recorder, request)
	return recorder
}

// has fails the test where a page has not a code, or lacks a part.
func has(t *testing.T, what string, code, wantCode int, body string, parts ...string) {
	t.Helper()
	if code != wantCode {
		t.Errorf("%s: got %d, want %d: %s", what, code, wantCode, body)
	}
	for _, part := range parts {
		if !strings.Contains(body, part) {
			t.Errorf("%s: %q is not in %s", what, part, body)
		}
	}
}

func TestPartsHaveNoPageAround(t *testing.T) {
	f := start(t)
	for _, path := range []string{"/ui/employees?search=a", "/ui/history", "/ui/health", "/ui/model/threshold?threshold=40"} {
		got := f.part(t, question{path: path})
		if got.Code != http.StatusOK || strings.Contains(got.Body.String(), "<html") || got.Body.Len() == 0 {
			t.Errorf("%s: got %d %s", path, got.Code, got.Body)
		}
		if vary := strings.Join(got.Header().Values("Vary"), ", "); !strings.Contains(vary, "HX-Request") {
			t.Errorf("%s: a cache may take the part for the page: Vary is %q", path, vary)
		}
	}
	got := f.part(t, question{path: "/ui/batch/check", file: map[string]string{"file": theCSV}})
	has(t, "a check", got.Code, http.StatusOK, got.Body.String())
}

func TestFiltersReachTheService(t *testing.T) {
	f := start(t)
	f.ask(t, question{path: "/ui/employees?search=%C3%A9lo&department=Consulting&job_title=Consultant&risk_band=HIGH&order_by=latest_probability+desc&page_token=t&nonsense=1"})
	lists := asked[*futurisysv1.ListEmployeesRequest](f.persistence, futurisysv1.EmployeeService_ListEmployees_FullMethodName)
	if len(lists) != 1 {
		t.Fatalf("asked %d times", len(lists))
	}
	got := lists[0]
	if got.GetSearch() != "élo" || got.GetDepartment() != "Consulting" || got.GetJobTitle() != "Consultant" || got.GetRiskBand() != "HIGH" ||
		got.GetOrderBy() != "latest_probability desc" || got.GetPageToken() != "t" || got.GetPageSize() == 0 {
		t.Errorf("got %v", got)
	}
	f.ask(t, question{path: "/ui/history?employee=4&risk_band=LOW&version=1&from=2026-01-02&to=2026-01-03&batch=" + aBatch})
	histories := asked[*futurisysv1.ListPredictionsRequest](f.persistence, futurisysv1.PredictionHistoryService_ListPredictions_FullMethodName)
	if len(histories) != 1 {
		t.Fatalf("asked %d times", len(histories))
	}
	h := histories[0]
	if h.GetEmployee() != 4 || h.GetRiskBand() != "LOW" || h.GetVersion() != 1 || h.GetModel() != "attrition" || h.GetBatchId() != aBatch {
		t.Errorf("got %v", h)
	}
	// The last day counts: until the day after begins.
	if days := h.GetCreateTimeTo().AsTime().Sub(h.GetCreateTimeFrom().AsTime()).Hours() / 24; days != 2 {
		t.Errorf("from the 2nd to the 3rd are %g days", days)
	}
}

func TestNextPageKeepsTheFilters(t *testing.T) {
	f := start(t)
	answer(f.persistence, futurisysv1.EmployeeService_ListEmployees_FullMethodName, func(*futurisysv1.ListEmployeesRequest) (*futurisysv1.ListEmployeesResponse, error) {
		return &futurisysv1.ListEmployeesResponse{Employees: []*futurisysv1.Employee{theEmployee()}, NextPageToken: "a/b+c", TotalSize: 12_345, TotalSizeIsEstimate: true}, nil
	})
	code, body := f.ask(t, question{path: "/ui/employees?department=Consulting"})
	has(t, "the first page", code, http.StatusOK, body, "department=Consulting&amp;page_token=a%2Fb%2Bc", "environ 12")
	if strings.Contains(body, "Première page") {
		t.Error("the first page leads to the first page")
	}
	code, body = f.ask(t, question{path: "/ui/employees?department=Consulting&page_token=x"})
	has(t, "another page", code, http.StatusOK, body, `href="/ui/employees?department=Consulting"`)
}

// All that a filter has are scored, and not the page that is seen.
func TestScoringAllOfAFilter(t *testing.T) {
	f := start(t)
	page := 0
	answer(f.persistence, futurisysv1.EmployeeService_ListEmployees_FullMethodName, func(request *futurisysv1.ListEmployeesRequest) (*futurisysv1.ListEmployeesResponse, error) {
		if request.GetDepartment() != "Consulting" {
			t.Errorf("asked for %v", request)
		}
		page++
		out := &futurisysv1.ListEmployeesResponse{}
		for i := range 300 {
			out.Employees = append(out.Employees, &futurisysv1.Employee{Id: int32(page*1000 + i)})
		}
		if page == 1 {
			out.NextPageToken = "more"
		}
		return out, nil
	})
	code, body := f.ask(t, question{path: "/ui/employees/score", form: url.Values{"which": {"all"}, "filter_department": {"Consulting"}, "request_id": {"page-1"}}})
	has(t, "all", code, http.StatusOK, body, `max="600"`, aBatch)
	calls := asked[*futurisysv1.PredictEmployeesRequest](f.inference, futurisysv1.PredictionService_PredictEmployees_FullMethodName)
	total, names := 0, map[string]bool{}
	for _, call := range calls {
		total += len(call.GetEmployeeIds())
		names[call.GetRequestId()] = true
		if call.GetBatchId() == "" || call.GetExplain() == nil {
			t.Errorf("got %v", call)
		}
	}
	if total != 600 || len(names) != len(calls) || len(calls) != 3 {
		t.Errorf("%d rows in %d calls with %d names", total, len(calls), len(names))
	}
}

func TestScoringTheTicked(t *testing.T) {
	f := start(t)
	ask := func(form url.Values) (int, string) {
		return f.ask(t, question{path: "/ui/employees/score", form: form})
	}
	code, body := ask(url.Values{"id": {"9", "4", "9", "5"}, "request_id": {"p"}})
	has(t, "three", code, http.StatusOK, body, `max="3"`)
	code, body = ask(url.Values{"id": {"9", "4", "5"}, "request_id": {"p"}})
	has(t, "the same again", code, http.StatusOK, body)
	calls := asked[*futurisysv1.PredictEmployeesRequest](f.inference, futurisysv1.PredictionService_PredictEmployees_FullMethodName)
	if len(calls) != 2 || !slices.Equal(calls[0].GetEmployeeIds(), []int32{4, 5, 9}) || calls[0].GetRequestId() != calls[1].GetRequestId() {
		t.Errorf("got %v", calls)
	}
	ask(url.Values{"id": {"4"}, "request_id": {"p"}})
	calls = asked[*futurisysv1.PredictEmployeesRequest](f.inference, futurisysv1.PredictionService_PredictEmployees_FullMethodName)
	if calls[2].GetRequestId() == calls[0].GetRequestId() {
		t.Error("other people are asked for under the same name")
	}
	code, body = ask(url.Values{})
	has(t, "nobody", code, http.StatusBadRequest, body, "salarié")
	code, body = ask(url.Values{"id": {"x"}})
	has(t, "no number", code, http.StatusBadRequest, body)
	many := url.Values{}
	for i := range 10_001 {
		many.Add("id", fmt.Sprint(i+1))
	}
	code, body = ask(many)
	has(t, "too many", code, http.StatusBadRequest, body, "10")
}

// What is scored stays scored, and what is not is said row by row.
func TestScoringThatIsInterrupted(t *testing.T) {
	f := start(t)
	calls := 0
	answer(f.inference, futurisysv1.PredictionService_PredictEmployees_FullMethodName, func(request *futurisysv1.PredictEmployeesRequest) (*futurisysv1.PredictEmployeesResponse, error) {
		if calls++; calls > 1 {
			return nil, status.Error(codes.Unavailable, "connection refused")
		}
		out := &futurisysv1.PredictEmployeesResponse{BatchId: aBatch}
		for i := range request.GetEmployeeIds() {
			out.Results = append(out.Results, &futurisysv1.RowResult{Index: int32(i), Outcome: &futurisysv1.RowResult_Prediction{Prediction: thePrediction()}})
		}
		out.Results[3].Outcome = &futurisysv1.RowResult_Error{Error: &futurisysv1.RowError{
			Reason: futurisysv1.ErrorReason_ERROR_REASON_INVALID_PROFILE, Violations: []*futurisysv1.Violation{
				{Field: "age", Reason: futurisysv1.ViolationReason_VIOLATION_REASON_REQUIRED},
			},
		}}
		return out, nil
	})
	form := url.Values{}
	for i := range 400 {
		form.Add("id", fmt.Sprint(i+1))
	}
	code, body := f.ask(t, question{path: "/ui/employees/score", form: form})
	has(t, "interrupted", code, http.StatusOK, body, "Le calcul des scores est indisponible", "249", aBatch, `href="/ui/employees/4"`, "valeur obligatoire")
	if strings.Contains(body, "http-equiv") {
		t.Error("the page leads on by itself, and what went wrong is not read")
	}
	// The page began well, and the log has what became of it.
	var lines strings.Builder
	logged := middleware.Chain(f.dashboard, middleware.RequestID, middleware.Access(slog.New(slog.NewTextHandler(&lines, nil)), true))
	recorder := httptest.NewRecorder()
	logged.ServeHTTP(recorder, question{path: "/ui/employees/score", form: form}.request(t))
	if reference := recorder.Header().Get("X-Request-ID"); !strings.Contains(recorder.Body.String(), reference) {
		t.Errorf("the page does not name its request %s", reference)
	}
	if !strings.Contains(lines.String(), "level=WARN") || !strings.Contains(lines.String(), "connection refused") {
		t.Errorf("the log does not say what happened: %s", lines.String())
	}
}

func TestEditingARecord(t *testing.T) {
	f := start(t)
	form := typed(url.Values{"job_level": {"3"}, "overtime": {"true"}, "department": {"Consulting"}, "display_name": {"  Élodie  "}})
	code, body := f.ask(t, question{path: "/ui/employees/4/edit", form: form})
	has(t, "saved", code, http.StatusSeeOther, body)
	updates := asked[*futurisysv1.UpdateEmployeeRequest](f.persistence, futurisysv1.EmployeeService_UpdateEmployee_FullMethodName)
	if len(updates) != 1 {
		t.Fatalf("asked %d times", len(updates))
	}
	got := updates[0].GetEmployee()
	if got.GetId() != 4 || got.GetEtag() != "1" || got.GetDisplayName() != "Élodie" || got.GetProfile().GetJobLevel() != 3 || got.GetProfile().Age != nil {
		t.Errorf("got %v", got)
	}
	form.Set("age", "seven")
	code, body = f.ask(t, question{path: "/ui/employees/4/edit", form: form})
	has(t, "a word for a number", code, http.StatusBadRequest, body, `id="age-problem"`, `value="seven"`, `aria-invalid="true"`)
	form.Set("age", "40")

	answer(f.persistence, futurisysv1.EmployeeService_UpdateEmployee_FullMethodName, func(*futurisysv1.UpdateEmployeeRequest) (*futurisysv1.Employee, error) {
		return nil, apierr.New(futurisysv1.ErrorReason_ERROR_REASON_ETAG_MISMATCH, apierr.ResourceKey, "employee 4")
	})
	form.Set("job_level", "5")
	code, body = f.ask(t, question{path: "/ui/employees/4/edit", form: form})
	has(t, "changed in between", code, http.StatusPreconditionFailed, body, `role="alert"`, `value="5"`)

	answer(f.persistence, futurisysv1.EmployeeService_UpdateEmployee_FullMethodName, func(*futurisysv1.UpdateEmployeeRequest) (*futurisysv1.Employee, error) {
		return nil, apierr.InvalidArgument(futurisysv1.ViolationReason_VIOLATION_REASON_OUT_OF_RANGE, "employee.profile.age", "min", 16, "max", 100)
	})
	code, body = f.ask(t, question{path: "/ui/employees/4/edit", form: form})
	has(t, "refused by the service", code, http.StatusBadRequest, body, `id="age-problem"`, "entre 16 et 100")
}

func TestWhatIf(t *testing.T) {
	f := start(t)
	form := url.Values{"job_level": {"2"}, "overtime": {"false"}, "department": {"Consulting"}}
	got := f.part(t, question{path: "/ui/employees/4/what-if", form: form})
	has(t, "asked", got.Code, http.StatusOK, got.Body.String(), "60")
	explained := asked[*futurisysv1.ExplainRequest](f.inference, futurisysv1.PredictionService_Explain_FullMethodName)
	if len(explained) != 1 {
		t.Fatalf("asked %d times", len(explained))
	}
	// Only what differs from the record is a change.
	if changes := explained[0].GetChanges(); changes.Overtime == nil || changes.GetOvertime() || changes.JobLevel != nil || changes.Department != nil {
		t.Errorf("the changes are %v", changes)
	}
	if len(asked[*futurisysv1.PredictRequest](f.inference, futurisysv1.PredictionService_Predict_FullMethodName)) != 0 {
		t.Error("a question is recorded")
	}
	form.Set("keep", "true")
	got = f.part(t, question{path: "/ui/employees/4/what-if", form: form})
	if got.Header().Get("Hx-Redirect") != "/ui/predictions/"+aPrediction {
		t.Errorf("kept, it leads to %q", got.Header().Get("Hx-Redirect"))
	}
	kept := asked[*futurisysv1.PredictRequest](f.inference, futurisysv1.PredictionService_Predict_FullMethodName)
	if len(kept) != 1 || kept[0].GetKind() != futurisysv1.PredictionKind_PREDICTION_KIND_SIMULATION || kept[0].GetEmployeeId() != 4 {
		t.Errorf("got %v", kept)
	}
	form.Del("keep")
	form.Set("job_level", "x")
	got = f.part(t, question{path: "/ui/employees/4/what-if", form: form})
	has(t, "a word", got.Code, http.StatusOK, got.Body.String(), `role="alert"`, `href="#job_level"`)
}

// Without a database there are only the screens that need none, and the page itself has
// what nobody keeps.
func TestTheDemo(t *testing.T) {
	f := startWith(t, false)
	code, body := f.ask(t, question{path: "/ui/simulate"})
	has(t, "simulate", code, http.StatusOK, body)
	for _, absent := range []string{"/ui/employees", "/ui/history", "/ui/import", "/ui/health"} {
		if strings.Contains(body, `href="`+absent+`"`) {
			t.Errorf("the navigation leads to %s", absent)
		}
		if code, _ := f.ask(t, question{path: absent}); code != http.StatusNotFound {
			t.Errorf("%s: got %d", absent, code)
		}
	}
	code, body = f.ask(t, question{path: "/ui/batch/score", file: map[string]string{"file": theCSV}})
	has(t, "a file", code, http.StatusOK, body, "data:text/csv", "Ligne 2")
	if strings.Contains(body, "/ui/batches/") {
		t.Error("it leads to a record that is not there")
	}
}

func TestAFileIsScored(t *testing.T) {
	f := start(t)
	csv := "id_employee;niveau_hierarchique_poste;heure_supplementaires;departement\r\n4;2;Oui;Consulting\r\n77;9;Oui;Consulting\r\n5;1;Non;Commercial\r\n"
	code, body := f.ask(t, question{path: "/ui/batch/score", file: map[string]string{"file": csv}})
	has(t, "a file", code, http.StatusOK, body, aBatch, `max="2"`, "Ligne 3", "entre 1 et 5")
	batches := asked[*futurisysv1.BatchPredictRequest](f.inference, futurisysv1.PredictionService_BatchPredict_FullMethodName)
	if len(batches) != 1 || len(batches[0].GetReferences()) != 2 {
		t.Fatalf("got %v", batches)
	}
	first, second := batches[0].GetReferences()[0], batches[0].GetReferences()[1]
	if first.GetRowNumber() != 2 || first.GetEmployeeId() != 4 || second.GetRowNumber() != 4 || second.EmployeeId != nil || second.GetRowId() != "5" {
		t.Errorf("of the two only employee 4 is on record: got %v, %v", first, second)
	}
}

func TestAliasesOnTheScreen(t *testing.T) {
	f := start(t)
	code, body := f.ask(t, question{path: "/ui/model/alias?alias=champion&rollback=true"})
	has(t, "back", code, http.StatusOK, body, `name="rollback"`)
	code, body = f.ask(t, question{path: "/ui/model/alias?alias=champion&version=x"})
	has(t, "no version", code, http.StatusNotFound, body)

	version := theVersion()
	version.SchemaChanges = []*futurisysv1.SchemaChange{{Feature: "age", Description: "is new"}}
	answer(f.inference, futurisysv1.ModelService_GetModelVersion_FullMethodName, func(*futurisysv1.GetModelVersionRequest) (*futurisysv1.ModelVersion, error) { return version, nil })
	answer(f.inference, futurisysv1.ModelService_SetModelAlias_FullMethodName, func(request *futurisysv1.SetModelAliasRequest) (*futurisysv1.Model, error) {
		if !request.GetForce() {
			return nil, apierr.New(futurisysv1.ErrorReason_ERROR_REASON_MODEL_SCHEMA_CHANGED, "cause", "age is new")
		}
		return theModel(), nil
	})
	form := url.Values{"alias": {"champion"}, "version": {"1"}, "changed_by": {"marie"}}
	code, body = f.ask(t, question{path: "/ui/model/alias", form: form})
	has(t, "other inputs", code, http.StatusBadRequest, body, `name="force"`, "age")
	form.Set("force", "true")
	code, body = f.ask(t, question{path: "/ui/model/alias", form: form})
	has(t, "forced", code, http.StatusSeeOther, body)
	calls := asked[*futurisysv1.SetModelAliasRequest](f.inference, futurisysv1.ModelService_SetModelAlias_FullMethodName)
	if last := calls[len(calls)-1]; last.GetChangedBy() != "marie" || last.GetVersion() != 1 || last.GetAlias() != "champion" {
		t.Errorf("got %v", last)
	}
}

// A file that is cut off must not look like a whole one.
func TestAnExportThatBreaksOffIsCutOff(t *testing.T) {
	f := start(t)
	page := 0
	answer(f.persistence, futurisysv1.PredictionHistoryService_ListPredictions_FullMethodName, func(*futurisysv1.ListPredictionsRequest) (*futurisysv1.ListPredictionsResponse, error) {
		if page++; page > 1 {
			return nil, status.Error(codes.Unavailable, "connection refused")
		}
		return &futurisysv1.ListPredictionsResponse{Predictions: []*futurisysv1.Prediction{thePrediction()}, NextPageToken: "more"}, nil
	})
	defer func() {
		if got := recover(); got != http.ErrAbortHandler { //nolint:errorlint // net/http compares so
			t.Errorf("the connection is not cut: %v", got)
		}
	}()
	f.ask(t, question{path: "/ui/history.csv"})
	t.Error("the file ends as if it were whole")
}

func TestAnExportHasWhatTheListHas(t *testing.T) {
	f := start(t)
	answer(f.persistence, futurisysv1.PredictionHistoryService_ListPredictions_FullMethodName, func(request *futurisysv1.ListPredictionsRequest) (*futurisysv1.ListPredictionsResponse, error) {
		second := thePrediction()
		second.Previous = &futurisysv1.PredictionSummary{Probability: 0.5}
		if request.GetPageToken() == "" {
			return &futurisysv1.ListPredictionsResponse{Predictions: []*futurisysv1.Prediction{thePrediction()}, NextPageToken: "more"}, nil
		}
		return &futurisysv1.ListPredictionsResponse{Predictions: []*futurisysv1.Prediction{second}}, nil
	})
	code, body := f.ask(t, question{path: "/ui/history.csv?risk_band=HIGH"})
	lines := strings.Split(strings.TrimSpace(body), "\r\n")
	if code != http.StatusOK || len(lines) != 3 || !strings.HasPrefix(body, "\uFEFF") {
		t.Fatalf("got %d, %q", code, body)
	}
	if !strings.Contains(lines[1], ";0,6;") || !strings.Contains(lines[2], ";0,09999999999999998;") {
		t.Errorf("got %q", lines)
	}
}

func TestSettingsAreKeptInCookies(t *testing.T) {
	f := start(t)
	recorder := httptest.NewRecorder()
	q := question{path: "/ui/settings", form: url.Values{"theme": {"dark"}, "back": {"https://evil.example/"}}}
	f.dashboard.ServeHTTP(recorder, q.request(t))
	cookies := recorder.Result().Cookies()
	if len(cookies) != 1 || cookies[0].Name != "theme" || cookies[0].Value != "dark" || !cookies[0].HttpOnly || cookies[0].Path != "/ui/" {
		t.Errorf("got %v", cookies)
	}
	if to := recorder.Header().Get("Location"); to != "/ui/" {
		t.Errorf("it leads to %s", to)
	}
	request := question{path: "/ui/simulate"}.request(t)
	request.AddCookie(&http.Cookie{Name: "language", Value: "en"})
	request.AddCookie(&http.Cookie{Name: "theme", Value: "<script>"})
	recorder = httptest.NewRecorder()
	f.dashboard.ServeHTTP(recorder, request)
	if body := recorder.Body.String(); !strings.Contains(body, `lang="en"`) || strings.Contains(body, "data-theme") || strings.Contains(body, "<script>") {
		t.Errorf("got %s", body)
	}
}

func TestAFailureNamesItsRequest(t *testing.T) {
	f := start(t)
	f.persistence.failure.Store(status.New(codes.Internal, "SELECT secret"))
	recorder := httptest.NewRecorder()
	recorder.Header().Set("X-Request-ID", "abc-1")
	f.dashboard.ServeHTTP(recorder, question{path: "/ui/employees"}.request(t))
	has(t, "a fault", recorder.Code, http.StatusInternalServerError, recorder.Body.String(), "abc-1")
}

func TestAServiceThatComesBackIsSeen(t *testing.T) {
	f := start(t)
	got := f.part(t, question{path: "/ui/alive?service=persistence&reload=true"})
	if got.Code == http.StatusOK && got.Header().Get("Hx-Refresh") != "true" {
		t.Errorf("it is back, and the page stays: %v", got.Header())
	}
	f.persistence.away.Store(true)
	if got := f.part(t, question{path: "/ui/alive?service=persistence"}); got.Code != http.StatusNoContent {
		t.Errorf("it is away: got %d", got.Code)
	}
	if got := f.part(t, question{path: "/ui/alive?service=nothing"}); got.Code != http.StatusNotFound {
		t.Errorf("there is no such service: got %d", got.Code)
	}
}
