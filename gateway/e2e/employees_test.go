package e2e

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

func TestEmployeeIsKeptFromCreationToDeletion(t *testing.T) {
	databases(t, func(t *testing.T, s *stack) {
		var employee futurisysv1.Employee
		s.call(http.MethodPost, "/v1/employees", `{"id": 7, "displayName": "Ada", "profile": {"age": 36, "overtime": true}}`).into(t, &employee)
		first := employee.GetEtag()
		// What the body holds is changed, what it does not is kept; false is a value,
		// null empties.
		s.call(http.MethodPatch, "/v1/employees/7", `{"etag": "`+first+`", "profile": {"overtime": false, "age": null, "department": "Consulting"}}`).into(t, &employee)
		profile := employee.GetProfile()
		if profile.Overtime == nil || profile.GetOvertime() || profile.Age != nil || profile.GetDepartment() != "Consulting" || employee.GetDisplayName() != "Ada" {
			t.Errorf("got %v", &employee)
		}
		s.call(http.MethodPatch, "/v1/employees/7?updateMask=displayName", `{}`).into(t, &employee)
		if employee.GetDisplayName() != "" || employee.GetProfile().GetDepartment() != "Consulting" {
			t.Errorf("got %v", &employee)
		}
		// An incomplete record is HR's business; scoring it is the prediction's error.
		var scored futurisysv1.PredictEmployeesResponse
		s.call(http.MethodPost, "/v1/models/attrition:predictEmployees", `{"employeeIds": [7]}`).into(t, &scored)
		if scored.GetFailedCount() != 1 || len(scored.GetResults()[0].GetError().GetViolations()) < 20 {
			t.Errorf("got %v", &scored)
		}
		if deleted := s.call(http.MethodDelete, "/v1/employees/7?etag="+employee.GetEtag(), nil); deleted.code != http.StatusOK || string(deleted.body) != "{}" {
			t.Errorf("got %d %s", deleted.code, deleted.body)
		}
		s.call(http.MethodGet, "/v1/employees/7", nil).refused(t, http.StatusNotFound, "EMPLOYEE_NOT_FOUND")
	})
}

func TestImportLeavesAllRowsOrNone(t *testing.T) {
	databases(t, func(t *testing.T, s *stack) {
		replace := func(in, find, put string) func(part, text string) string {
			return func(part, text string) string {
				if part != in {
					return text
				}
				changed := strings.Replace(text, find, put, 1)
				if changed == text {
					t.Fatalf("%s has no %q", part, find)
				}
				return changed
			}
		}
		for name, test := range map[string]struct {
			edit func(part, text string) string
			want string // the place that is named
		}{
			"duplicate id":          {replace("extrait_sirh", "\n2,49,M", "\n1,49,M"), "extrait_sirh:3:id_employee"},
			"missing column":        {replace("extrait_sondage", "domaine_etude", "domaine"), "extrait_sondage:1:domaine_etude"},
			"unreadable percentage": {replace("extrait_eval", "11 %", "beaucoup"), "extrait_eval:2:augementation_salaire_precedente"},
			"a line short":          {replace("extrait_sirh", "1,41,F,", "1,41,"), "extrait_sirh:2"},
			"Windows-1252":          {replace("extrait_sirh", "é", "\xe9"), "extrait_sirh:2"},
			"one extract only":      {replace("extrait_sondage", "00001", "90001"), "extrait_sirh:2:id_employee"},
			"out of range":          {replace("extrait_sirh", "1,41,F,", "1,15,F,"), "extrait_sirh:2:age"},
			"last line":             {replace("extrait_sirh", "\n2068,34,M", "\n2068,x,M"), "extrait_sirh:1471:age"},
		} {
			got := s.upload("", extracts(), test.edit).refused(t, http.StatusBadRequest, "INVALID_IMPORT")
			if got.fields[test.want] == "" {
				t.Errorf("%s: %s is not named in %v", name, test.want, got.fields)
			}
			var report futurisysv1.ImportReport
			s.upload("?validateOnly=true", extracts(), test.edit).into(t, &report)
			if report.GetProblemCount() == 0 || !report.GetValidateOnly() {
				t.Errorf("%s: validateOnly reports %v", name, &report)
			}
		}
		s.upload("", map[string]string{"extrait_sirh": "extrait_sirh.csv"}, nil).refused(t, http.StatusBadRequest, "INVALID_IMPORT")
		s.upload("", map[string]string{"file": "X_test.csv"}, nil).refused(t, http.StatusBadRequest, "INVALID_ARGUMENT")
		s.upload("?validateOnly=perhaps", heldOut(), nil).refused(t, http.StatusBadRequest, "INVALID_ARGUMENT")
		s.upload("", heldOut(), func(_, text string) string { return strings.Repeat(text, 1+(66<<20)/len(text)) }).refused(t, http.StatusRequestEntityTooLarge, "TOO_LARGE")
		var list futurisysv1.ListEmployeesResponse
		s.call(http.MethodGet, "/v1/employees", nil).into(t, &list)
		if list.GetTotalSize() != 0 {
			t.Fatalf("%d rows of refused imports are there", list.GetTotalSize())
		}
		var report futurisysv1.ImportReport
		s.upload("?validateOnly=true", extracts(), nil).into(t, &report)
		if report.GetCreatedCount() != 1470 || report.GetProblemCount() != 0 {
			t.Errorf("got %v", &report)
		}
		s.upload("", extracts(), nil).into(t, &report)
		if report.GetCreatedCount() != 1470 {
			t.Errorf("got %v", &report)
		}
		s.upload("", extracts(), replace("extrait_sirh", "1,41,F,", "1,42,F,")).into(t, &report)
		if report.GetUpdatedCount() != 1 || report.GetUnchangedCount() != 1469 {
			t.Errorf("got %v", &report)
		}
	})
}

func TestEmployeesArePagedAndFiltered(t *testing.T) {
	databases(t, func(t *testing.T, s *stack) {
		s.upload("", extracts(), nil).into(t, &futurisysv1.ImportReport{})
		seen, token := map[int32]bool{}, ""
		for {
			var page futurisysv1.ListEmployeesResponse
			s.call(http.MethodGet, "/v1/employees?pageSize=500&orderBy=id+desc&pageToken="+token, nil).into(t, &page)
			for _, employee := range page.GetEmployees() {
				seen[employee.GetId()] = true
			}
			if token = page.GetNextPageToken(); token == "" {
				break
			}
		}
		if len(seen) != 1470 {
			t.Errorf("%d of 1470 were listed", len(seen))
		}
		var filtered futurisysv1.ListEmployeesResponse
		s.call(http.MethodGet, "/v1/employees?department=Ressources+Humaines", nil).into(t, &filtered)
		if filtered.GetTotalSize() != 63 || len(filtered.GetEmployees()) != 50 {
			t.Errorf("got %d, page of %d", filtered.GetTotalSize(), len(filtered.GetEmployees()))
		}
		var largest futurisysv1.ListEmployeesResponse
		s.call(http.MethodGet, fmt.Sprintf("/v1/employees?pageSize=%d", 1_000_000_000), nil).into(t, &largest)
		if len(largest.GetEmployees()) != 1000 {
			t.Errorf("a page of 10^9 has %d", len(largest.GetEmployees()))
		}
	})
}

// A file that is scored on the dashboard is exported in its order, with its lines and ids,
// and what is about somebody on record is hers.
func TestFileIsExportedInItsOrder(t *testing.T) {
	databases(t, func(t *testing.T, s *stack) {
		s.upload("", heldOut(), nil).into(t, &futurisysv1.ImportReport{})
		s.call(http.MethodDelete, "/v1/employees/5", nil)
		page := s.uploadTo("/ui/batch/score", map[string]string{"file": "X_test.csv"}, nil)
		batch := regexp.MustCompile(`batches/([0-9a-f-]{36})`).FindStringSubmatch(string(page.body))
		if batch == nil {
			t.Fatalf("no batch on the page: %s", page.body)
		}
		export := s.call(http.MethodGet, "/ui/history.csv?batch="+batch[1], nil)
		lines := strings.Split(strings.TrimSpace(string(export.body)), "\r\n")
		if len(lines) != 295 {
			t.Fatalf("the export has %d lines", len(lines))
		}
		for i, line := range lines[1:] {
			if want := fmt.Sprintf("Ligne %d (n° ", i+2); !strings.HasPrefix(line, want) {
				t.Fatalf("line %d of the export is %s", i+1, line)
			}
		}
		var read futurisysv1.Employee
		s.call(http.MethodGet, "/v1/employees/4", nil).into(t, &read)
		var hers futurisysv1.Prediction
		s.call(http.MethodGet, "/v1/predictions/"+read.GetLatestPrediction().GetId(), nil).into(t, &hers)
		if hers.GetProfileSource() != futurisysv1.ProfileSource_PROFILE_SOURCE_CALLER || hers.GetRowId() != "4" || hers.GetBatchId() != batch[1] {
			t.Errorf("got %v", &hers)
		}
		s.call(http.MethodGet, "/v1/employees/5/predictions", nil).refused(t, http.StatusNotFound, "EMPLOYEE_NOT_FOUND")
	})
}
