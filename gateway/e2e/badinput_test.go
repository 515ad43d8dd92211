package e2e

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"testing"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// with is the example profile with one field changed; "" removes it.
func with(example, field, value string) string {
	inner := strings.Trim(strings.TrimSpace(example), "{}")
	var fields []string
	for part := range strings.SplitSeq(inner, ",") {
		if !strings.HasPrefix(strings.TrimSpace(part), `"`+field+`"`) {
			fields = append(fields, part)
		}
	}
	if value != "" {
		fields = append(fields, fmt.Sprintf("%q: %s", field, value))
	}
	return `{"profile": {` + strings.Join(fields, ",") + `}}`
}

func TestBadProfiles(t *testing.T) {
	databases(t, func(t *testing.T, s *stack) {
		example := exampleJSON(t, s)
		for name, test := range map[string]struct {
			body   string
			code   int
			reason string
			field  string // must be named
			says   string // must be said of it
		}{
			"unknown field":           {with(example, "salaire", "1"), 400, "INVALID_ARGUMENT", "profile.salaire", "unknown"},
			"wrong type":              {with(example, "age", `"quarante"`), 400, "INVALID_ARGUMENT", "profile.age", "must be an integer"},
			"number in a text":        {with(example, "age", `"40"`), 400, "INVALID_ARGUMENT", "profile.age", "must be an integer"},
			"fraction":                {with(example, "age", `40.5`), 400, "INVALID_ARGUMENT", "profile.age", "must be an integer"},
			"missing needed field":    {with(example, "overtime", ""), 400, "INVALID_PROFILE", "profile.overtime", "required"},
			"null needed field":       {with(example, "overtime", "null"), 400, "INVALID_PROFILE", "profile.overtime", "required"},
			"out of range":            {with(example, "jobLevel", "6"), 400, "INVALID_PROFILE", "profile.jobLevel", "between 1 and 5"},
			"negative":                {with(example, "commuteDistance", "-1"), 400, "INVALID_PROFILE", "profile.commuteDistance", "between 0 and 1000"},
			"over int32":              {with(example, "monthlyIncome", "1e12"), 400, "INVALID_ARGUMENT", "profile.monthlyIncome", "2147483647"},
			"NaN":                     {with(example, "age", "NaN"), 400, "INVALID_ARGUMENT", "", ""},
			"Infinity":                {with(example, "age", "Infinity"), 400, "INVALID_ARGUMENT", "", ""},
			"NaN as a text":           {with(example, "age", `"NaN"`), 400, "INVALID_ARGUMENT", "profile.age", "must be an integer"},
			"unknown category":        {with(example, "department", `"Marketing"`), 400, "INVALID_PROFILE", "profile.department", "Commercial, Consulting, Ressources Humaines"},
			"empty category":          {with(example, "department", `""`), 400, "INVALID_PROFILE", "profile.department", "unknown value"},
			"SQL in a category":       {with(example, "jobTitle", `"'; DROP TABLE predictions; --"`), 400, "INVALID_PROFILE", "profile.jobTitle", "unknown value"},
			"HTML in a category":      {with(example, "jobTitle", `"<script>alert(1)</script>"`), 400, "INVALID_PROFILE", "profile.jobTitle", "unknown value"},
			"zero in a text":          {with(example, "gender", `"a\u0000"`), 400, "INVALID_PROFILE", "profile.gender", "zero byte"},
			"empty body":              {"", 400, "INVALID_ARGUMENT", "", "empty"},
			"empty object":            {"{}", 400, "INVALID_ARGUMENT", "profile", "required"},
			"no object":               {"[]", 400, "INVALID_ARGUMENT", "", "object"},
			"cut":                     {`{"profile": {"age": 3`, 400, "INVALID_ARGUMENT", "", ""},
			"two objects":             {"{}{}", 400, "INVALID_ARGUMENT", "", ""},
			"broken UTF-8":            {"{\"profile\": {\"department\": \"\xe9\"}}", 400, "INVALID_ARGUMENT", "", "UTF-8"},
			"half a surrogate pair":   {with(example, "department", `"\ud800"`), 400, "INVALID_ARGUMENT", "", "surrogate"},
			"field twice":             {`{"profile": {"age": 30, "age": 31}}`, 400, "INVALID_ARGUMENT", "profile.age", "more than once"},
			"10 MB":                   {`{"alias": "` + strings.Repeat("x", 10<<20) + `"}`, 413, "TOO_LARGE", "", ""},
			"deep":                    {strings.Repeat(`{"profile":`, 50_000), 400, "INVALID_ARGUMENT", "", ""},
			"version and alias":       {`{"version": 1, "alias": "champion", "profile": {}}`, 400, "INVALID_ARGUMENT", "alias", "version"},
			"unknown version":         {`{"version": 99, "profile": {}}`, 404, "MODEL_VERSION_NOT_FOUND", "", ""},
			"negative version":        {`{"version": -1, "profile": {}}`, 400, "INVALID_ARGUMENT", "version", "at least 0"},
			"unknown alias":           {`{"alias": "nobody", "profile": {}}`, 404, "MODEL_VERSION_NOT_FOUND", "", ""},
			"model in body and path?": {`{"model": 5, "profile": {}}`, 400, "INVALID_ARGUMENT", "model", "string"},
		} {
			got := s.call(http.MethodPost, "/v1/models/attrition:predict", test.body).failure(t)
			if got.code != test.code || got.reason != test.reason {
				t.Errorf("%s: got %d %s (%s), want %d %s", name, got.code, got.reason, got.text, test.code, test.reason)
			}
			if said, named := got.fields[test.field]; (test.field != "" || test.says != "") && (!named || !strings.Contains(said, test.says)) {
				t.Errorf("%s: %q is not said of %q in %v", name, test.says, test.field, got.fields)
			}
		}
		everything := s.call(http.MethodPost, "/v1/models/attrition:predict",
			`{"profile": {"age": 7, "jobLevel": 9, "department": "X", "businessTravel": "Souvent"}}`).refused(t, 400, "INVALID_PROFILE")
		for _, field := range []string{"age", "jobLevel", "department", "businessTravel", "overtime", "monthlyIncome"} {
			if everything.fields["profile."+field] == "" {
				t.Errorf("%s is not listed in %v", field, everything.fields)
			}
		}
		var list futurisysv1.ListPredictionsResponse
		s.call(http.MethodGet, "/v1/predictions", nil).into(t, &list)
		if list.GetTotalSize() != 0 {
			t.Errorf("%d refused rows are on record", list.GetTotalSize())
		}
	})
}

func TestBadRequests(t *testing.T) {
	databases(t, func(t *testing.T, s *stack) {
		s.upload("", heldOut(), nil).into(t, &futurisysv1.ImportReport{})
		tooMany := `{"employeeIds": [1` + strings.Repeat(",1", 10_000) + `]}`
		rows := `{"profiles": [{}` + strings.Repeat(",{}", 10_000) + `]}`
		for name, test := range map[string]struct {
			method, path, body string
			code               int
			reason             string
			says               string // in a field or in the message
		}{
			"unknown model":              {"POST", "/v1/models/nothing:predict", `{"profile": {}}`, 404, "MODEL_NOT_FOUND", "nothing"},
			"unknown model, read":        {"GET", "/v1/models/nothing", "", 404, "MODEL_NOT_FOUND", ""},
			"unknown version, read":      {"GET", "/v1/models/attrition/versions/9", "", 404, "MODEL_VERSION_NOT_FOUND", ""},
			"version that is no number":  {"GET", "/v1/models/attrition/versions/x", "", 400, "INVALID_ARGUMENT", ""},
			"unknown employee":           {"GET", "/v1/employees/999999", "", 404, "EMPLOYEE_NOT_FOUND", ""},
			"employee that is no number": {"GET", "/v1/employees/abc", "", 400, "INVALID_ARGUMENT", ""},
			"employee over int32":        {"GET", "/v1/employees/99999999999", "", 400, "INVALID_ARGUMENT", ""},
			"employee zero":              {"GET", "/v1/employees/0", "", 400, "INVALID_ARGUMENT", ""},
			"score unknown employees":    {"POST", "/v1/models/attrition:predictEmployees", `{"employeeIds": [4, 999999, 888888]}`, 404, "EMPLOYEE_NOT_FOUND", "888888, 999999"},
			"score an employee twice":    {"POST", "/v1/models/attrition:predictEmployees", `{"employeeIds": [4, 4]}`, 400, "INVALID_ARGUMENT", "more than once"},
			"score nobody":               {"POST", "/v1/models/attrition:predictEmployees", `{"employeeIds": []}`, 400, "INVALID_ARGUMENT", "at least 1"},
			"too many employees":         {"POST", "/v1/models/attrition:predictEmployees", tooMany, 400, "INVALID_ARGUMENT", "10000"},
			"too many rows":              {"POST", "/v1/models/attrition:batchPredict", rows, 400, "INVALID_ARGUMENT", "10000"},
			"no rows":                    {"POST", "/v1/models/attrition:batchPredict", `{}`, 400, "INVALID_ARGUMENT", "at least 1"},
			"malformed page token":       {"GET", "/v1/employees?pageToken=%21", "", 400, "INVALID_PAGE_TOKEN", ""},
			"token of another list":      {"GET", "/v1/predictions?pageToken=eyJiIjoieCIsImsiOnt9fQ", "", 400, "INVALID_PAGE_TOKEN", ""},
			"page size -1":               {"GET", "/v1/employees?pageSize=-1", "", 400, "INVALID_ARGUMENT", "pageSize"},
			"page size that is no size":  {"GET", "/v1/employees?pageSize=many", "", 400, "INVALID_ARGUMENT", "pageSize"},
			"unknown parameter":          {"GET", "/v1/employees?departement=Consulting", "", 400, "INVALID_ARGUMENT", "departement"},
			"unknown order":              {"GET", "/v1/employees?orderBy=salary", "", 400, "INVALID_ARGUMENT", "orderBy"},
			"parameter twice":            {"GET", "/v1/employees?pageSize=1&pageSize=2", "", 400, "INVALID_ARGUMENT", ""},
			"probability over 1":         {"GET", "/v1/predictions?minProbability=1.5", "", 400, "INVALID_ARGUMENT", "minProbability"},
			"probability NaN":            {"GET", "/v1/predictions?minProbability=NaN", "", 400, "INVALID_ARGUMENT", "minProbability"},
			"time that is no time":       {"GET", "/v1/predictions?createTimeFrom=yesterday", "", 400, "INVALID_ARGUMENT", "createTimeFrom"},
			"batch that is no UUID":      {"GET", "/v1/predictions?batchId=1", "", 400, "INVALID_ARGUMENT", "batchId"},
			"prediction that is no UUID": {"GET", "/v1/predictions/1", "", 400, "INVALID_ARGUMENT", "prediction"},
			"unknown prediction":         {"GET", "/v1/predictions/00000000-0000-0000-0000-000000000000", "", 404, "PREDICTION_NOT_FOUND", ""},
			"broken UTF-8 in the path":   {"GET", "/v1/models/%ff", "", 400, "INVALID_ARGUMENT", "UTF-8"},
			"broken UTF-8 in the query":  {"GET", "/v1/employees?search=%ff", "", 400, "INVALID_ARGUMENT", "UTF-8"},
			"zero byte in the query":     {"GET", "/v1/employees?search=%00", "", 400, "INVALID_ARGUMENT", "search"},
			"broken escape in the query": {"GET", "/v1/employees?search=%zz", "", 400, "INVALID_ARGUMENT", "query"},
			"long search":                {"GET", "/v1/employees?search=" + strings.Repeat("x", 101), "", 400, "INVALID_ARGUMENT", "search"},
			"no such route":              {"GET", "/v1/salaries", "", 404, "ROUTE_NOT_FOUND", ""},
			"another method":             {"PUT", "/v1/employees", "{}", 405, "METHOD_NOT_ALLOWED", ""},
			"another method of a verb":   {"GET", "/v1/models/attrition/versions/2:load", "", 405, "METHOD_NOT_ALLOWED", ""},
			"champion unloaded":          {"POST", "/v1/models/attrition/versions/1:unload", "{}", 409, "MODEL_VERSION_IN_USE", "champion"},
			"champion removed":           {"POST", "/v1/models/attrition:setAlias", `{"alias": "champion"}`, 400, "INVALID_ARGUMENT", "version"},
			"alias with odd letters":     {"POST", "/v1/models/attrition:setAlias", `{"alias": "<b>", "version": 1}`, 400, "INVALID_ARGUMENT", "alias"},
			"rollback of nothing":        {"POST", "/v1/models/attrition:rollbackAlias", `{"alias": "champion"}`, 409, "NO_EARLIER_VERSION", ""},
			"unknown version to load":    {"POST", "/v1/models/attrition/versions/99:load", "{}", 404, "MODEL_VERSION_NOT_FOUND", ""},
			"another method of import":   {"GET", "/v1/employees:import", "", 405, "METHOD_NOT_ALLOWED", ""},
			"create who exists":          {"POST", "/v1/employees", `{"id": 4}`, 409, "EMPLOYEE_ALREADY_EXISTS", ""},
			"create with a bad range":    {"POST", "/v1/employees", `{"profile": {"age": 5}}`, 400, "INVALID_ARGUMENT", "employee.profile.age"},
			"create with nothing":        {"POST", "/v1/employees", "", 400, "INVALID_ARGUMENT", "empty"},
			"change with nothing":        {"PATCH", "/v1/employees/4", "", 400, "INVALID_ARGUMENT", "empty"},
			"change with an old etag":    {"PATCH", "/v1/employees/4", `{"etag": "old", "displayName": "x"}`, 412, "ETAG_MISMATCH", ""},
			"change what is not there":   {"PATCH", "/v1/employees/999999", `{"displayName": "x"}`, 404, "EMPLOYEE_NOT_FOUND", ""},
			"change what cannot be":      {"PATCH", "/v1/employees/4?updateMask=createTime", `{}`, 400, "INVALID_ARGUMENT", "updateMask"},
			"change nothing of ours":     {"PATCH", "/v1/employees/4?updateMask=nothing", `{}`, 400, "INVALID_ARGUMENT", "update_mask"},
			"change an unknown field":    {"PATCH", "/v1/employees/4", `{"salary": 1}`, 400, "INVALID_ARGUMENT", "salary"},
			"delete with an old etag":    {"DELETE", "/v1/employees/4?etag=old", "", 412, "ETAG_MISMATCH", ""},
			"delete who is not there":    {"DELETE", "/v1/employees/999999", "", 404, "EMPLOYEE_NOT_FOUND", ""},
		} {
			got := s.call(test.method, test.path, test.body).failure(t)
			if got.code != test.code || got.reason != test.reason {
				t.Errorf("%s: got %d %s (%s), want %d %s", name, got.code, got.reason, got.text, test.code, test.reason)
			}
			if !strings.Contains(got.text+fmt.Sprint(got.fields), test.says) {
				t.Errorf("%s: %q is not said in %q, %v", name, test.says, got.text, got.fields)
			}
		}
		for path, allow := range map[string]string{"/v1/employees": "GET, HEAD, POST", "/v1/employees/4": "DELETE, GET, HEAD, PATCH", "/v1/employees:import": "POST"} {
			if got := s.call("PUT", path, "{}").header.Get("Allow"); got != allow {
				t.Errorf("%s: got Allow %q, want %q", path, got, allow)
			}
		}
		s.send("POST", "/v1/models/attrition:predict", "text/plain", strings.NewReader("{}")).refused(t, 415, "UNSUPPORTED_MEDIA_TYPE")
		s.send("POST", "/v1/employees:import", "application/json", strings.NewReader("{}")).refused(t, 415, "UNSUPPORTED_MEDIA_TYPE")
		// Chunked: nobody says how large it is.
		endless := struct{ *bytes.Reader }{bytes.NewReader(bytes.Repeat([]byte(" "), 2<<20))}
		s.send("POST", "/v1/models/attrition:predict", "application/json", endless).refused(t, 413, "TOO_LARGE")
	})
}

func TestTextIsKeptAsItIs(t *testing.T) {
	databases(t, func(t *testing.T, s *stack) {
		name := `Robert'); DROP TABLE employees;-- <img src=x onerror=alert(1)> é😀`
		var created, read futurisysv1.Employee
		s.call(http.MethodPost, "/v1/employees", fmt.Sprintf(`{"displayName": %q, "profile": {"department": "R&D <b>"}}`, name)).into(t, &created)
		s.call(http.MethodGet, fmt.Sprintf("/v1/employees/%d", created.GetId()), nil).into(t, &read)
		if read.GetDisplayName() != name || read.GetProfile().GetDepartment() != "R&D <b>" {
			t.Errorf("got %v", &read)
		}
		var list futurisysv1.ListEmployeesResponse
		s.call(http.MethodGet, "/v1/employees?pageSize=1000000000&search=drop+table", nil).into(t, &list)
		if list.GetTotalSize() != 1 {
			t.Errorf("got %v", &list)
		}
	})
}
