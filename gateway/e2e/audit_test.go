package e2e

import (
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/futurisys/futurisys/services/platform/access"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// events are those on record that a question asks for, as an auditor reads them.
func (g *guarded) events(t *testing.T, query string) []*futurisysv1.AuditEvent {
	t.Helper()
	g.key = g.keys[access.Auditor]
	list := &futurisysv1.ListAuditEventsResponse{}
	g.call(http.MethodGet, "/v1/auditEvents?pageSize=1000&"+query, nil).into(t, list)
	return list.GetEvents()
}

// expectEvent waits until it is on record that somebody did something about an employee; 0:
// about nobody.
func (g *guarded) expectEvent(t *testing.T, principal, action string, employee int32, refused bool) {
	t.Helper()
	query := "principal=" + url.QueryEscape(principal) + "&action=" + action
	if employee != 0 {
		query += fmt.Sprintf("&employee=%d", employee)
	}
	g.eventually(fmt.Sprintf("%s by %s about %d is on record", action, principal, employee), func() bool {
		return slices.ContainsFunc(g.events(t, query), func(e *futurisysv1.AuditEvent) bool { return e.GetRefused() == refused })
	})
}

// Who looked at whom, and who changed what, is on record, however it was asked: by REST, by
// gRPC, at the dashboard, and by way of another service. So is what was refused.
func TestWhoLookedAtWhomIsOnRecord(t *testing.T) {
	g := newGuarded(t)
	ana := g.newKey(t, "--role", "analyst", "--owner", "ana")
	eve := g.newKey(t, "--role", "engineer", "--owner", "eve")
	g.stack = start(t, options{database: sqliteURL(t), environment: g.settings})
	as := func(key, method, path, body string) answer {
		t.Helper()
		g.key = key
		return g.call(method, path, body)
	}
	g.key = ana
	g.upload("", extracts(), nil).into(t, &futurisysv1.ImportReport{})
	g.expectEvent(t, "ana", "ImportEmployees", 4, false)

	as(ana, http.MethodGet, "/v1/employees/4", "")
	g.expectEvent(t, "ana", "GetEmployee", 4, false)
	as(ana, http.MethodGet, "/v1/employees?department=Consulting&search=zzz&pageSize=3", "")
	g.expectEvent(t, "ana", "ListEmployees", 0, false)
	if events := g.events(t, "action=ListEmployees"); events[0].GetFilter() != `{"department":"Consulting","search":"..."}` {
		t.Errorf("got the filter %s", events[0].GetFilter())
	}
	as(ana, http.MethodPost, "/v1/models/attrition:predictEmployees", `{"employeeIds": [5]}`)
	g.expectEvent(t, "ana", "BatchGetEmployees", 5, false)
	as(ana, http.MethodGet, "/v1/employees/5/predictions", "")
	g.expectEvent(t, "ana", "ListPredictions", 5, false)
	as(ana, http.MethodPatch, "/v1/employees/5", `{"displayName": "Zoé Martin"}`)
	g.expectEvent(t, "ana", "UpdateEmployee", 5, false)

	if got := as(eve, http.MethodGet, "/v1/employees/4", ""); got.code != http.StatusForbidden {
		t.Errorf("got %d %s", got.code, got.body)
	}
	g.expectEvent(t, "eve", "GetEmployee", 0, true)
	as(eve, http.MethodPost, "/v1/models/attrition:setAlias", `{"alias": "challenger", "version": 1, "changedBy": "somebody else", "comment": "x"}`)
	g.expectEvent(t, "eve", "AppendAliasChange", 0, false)

	b := newBrowser(t, g.stack)
	b.signIn(ana, "/ui/")
	b.ask("/ui/employees/7", nil)
	b.ask("/ui/sign-out", url.Values{})
	g.expectEvent(t, "ana", "SignIn", 0, false)
	g.expectEvent(t, "ana", "GetEmployee", 7, false)
	g.expectEvent(t, "ana", "SignOut", 0, false)

	// Reading the record is on record too, and only an auditor or administrator reads it.
	g.expectEvent(t, "test", "ListAuditEvents", 0, false)
	if got := as(ana, http.MethodGet, "/v1/auditEvents", ""); got.code != http.StatusForbidden {
		t.Errorf("an analyst reads who looked at whom: %d %s", got.code, got.body)
	}
	for _, e := range g.events(t, "") {
		if text := e.String(); strings.Contains(text, "Zoé") || strings.Contains(text, "zzz") || e.GetPrincipal() == "" || e.GetRequestId() == "" {
			t.Errorf("got %s", text)
		}
	}
}

// An erased person is found nowhere, and what is still on its way of her does not come back.
func TestAnErasedPersonIsGone(t *testing.T) {
	g := newGuarded(t)
	database := sqliteURL(t)
	g.stack = start(t, options{database: database, environment: g.settings})
	g.key = g.keys[access.Analyst]
	employee := &futurisysv1.Employee{}
	g.call(http.MethodPost, "/v1/employees", `{"displayName": "Quetzalcoatlus Zwyntrowski", "profile": `+exampleJSON(t, g.stack)+`}`).into(t, employee)
	path := fmt.Sprintf("/v1/employees/%d", employee.GetId())
	score := func() *futurisysv1.Prediction {
		t.Helper()
		answer := &futurisysv1.PredictEmployeesResponse{}
		g.key = g.keys[access.Analyst]
		g.call(http.MethodPost, "/v1/models/attrition:predictEmployees", fmt.Sprintf(`{"employeeIds": [%d], "explain": {}}`, employee.GetId())).into(t, answer)
		return answer.GetResults()[0].GetPrediction()
	}
	first := score()
	for _, role := range []access.Role{access.Analyst, access.Auditor, access.Engineer} {
		g.key = g.keys[role]
		if got := g.call(http.MethodPost, path+":erase", nil); got.code != http.StatusForbidden {
			t.Errorf("%s erases: %d %s", role, got.code, got.body)
		}
	}
	g.key = g.keys[access.Admin]
	erased := &futurisysv1.EraseEmployeeResponse{}
	g.call(http.MethodPost, path+":erase", nil).into(t, erased)
	if !erased.GetRecordErased() || erased.GetPredictionCount() != 1 {
		t.Errorf("got %v", erased)
	}
	g.key = g.keys[access.Analyst]
	for _, gone := range []string{path, path + "/predictions", "/v1/predictions/" + first.GetId()} {
		if got := g.call(http.MethodGet, gone, nil); got.code != http.StatusNotFound {
			t.Errorf("%s: got %d %s", gone, got.code, got.body)
		}
	}
	if got := g.call(http.MethodPost, path+":erase", nil); got.code != http.StatusForbidden {
		t.Errorf("got %d", got.code)
	}
	g.key = g.keys[access.Admin]
	again := &futurisysv1.EraseEmployeeResponse{}
	if g.call(http.MethodPost, path+":erase", nil).into(t, again); again.GetRecordErased() || again.GetPredictionCount() != 0 {
		t.Errorf("a second time: got %v", again)
	}
	if got := g.call(http.MethodPost, "/v1/employees/2000000:erase", nil); got.code != http.StatusNotFound {
		t.Errorf("whom nobody ever was: got %d %s", got.code, got.body)
	}
	g.expectEvent(t, "test", "EraseEmployee", employee.GetId(), false)
	file := strings.TrimPrefix(database, "sqlite:")
	files, err := filepath.Glob(file + "*")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, name := range files {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(bytes.ToLower(content), []byte("zwyntrowski")) {
			t.Errorf("she is still in %s", filepath.Base(name))
		}
	}
	for name, p := range map[string]*program{"gateway": g.gateway, "inference": g.inference, "persistence": g.persistence} {
		if strings.Contains(p.log.String(), "Zwyntrowski") {
			t.Errorf("she is in the log of %s", name)
		}
	}
}
