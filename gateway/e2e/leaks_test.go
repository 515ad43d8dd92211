package e2e

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"google.golang.org/grpc/metadata"

	"github.com/futurisys/futurisys/services/platform/access"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// Neither a person's name or values nor a secret stands in what the programs log, at their most
// talkative, or measure: also when calls fail.
func TestNothingIsSaidOfPeopleAndSecrets(t *testing.T) {
	c := startCompanied(t, "LOG_LEVEL=debug")
	const name, job, field, search, row = "Quetzalcoatlus Zwyntrowski", "Palaeontologist of wings", "Xenoglossy studies", "zwynt", "badge-7731-zulu"
	const income = 987_654
	token := c.token(t, "analyst")
	secrets := map[string]string{
		"her name": "Zwyntrowski", "her job": job, "her studies": field, "what was searched for": search, "the row's name": row,
		"her income": fmt.Sprint(income), "a token": token, "the client's secret": c.secret(t, "oidc.secret"), "a password": c.secret(t, "oidc.password"),
	}
	for role, key := range c.keys {
		secrets["the key of "+string(role)] = key
	}
	c.key = c.keys[access.Analyst]
	profile := strings.TrimSuffix(strings.TrimSpace(exampleJSON(t, c.stack)), "}") +
		fmt.Sprintf(`, "jobTitle": %q, "fieldOfStudy": %q, "monthlyIncome": %d}`, job, field, income)
	employee := &futurisysv1.Employee{}
	c.call(http.MethodPost, "/v1/employees", fmt.Sprintf(`{"displayName": %q, "profile": {"age": 40, "jobTitle": %q, "fieldOfStudy": %q, "monthlyIncome": %d}}`, name, job, field, income)).into(t, employee)
	person := fmt.Sprintf("/v1/employees/%d", employee.GetId())
	for _, key := range []string{c.keys[access.Analyst], token, c.keys[access.Engineer], "fsk_" + "nobody", ""} {
		c.key = key
		for _, call := range [][3]string{
			{http.MethodGet, person, ""},
			{http.MethodGet, person + "/predictions?riskBand=" + url.QueryEscape(name), ""},
			{http.MethodGet, "/v1/employees?search=" + search, ""},
			{http.MethodGet, "/v1/employees?department=" + url.QueryEscape(field), ""},
			{http.MethodGet, "/v1/" + url.PathEscape(name), ""},
			{http.MethodPatch, person, fmt.Sprintf(`{"displayName": %q, "etag": %q}`, name, name)},
			{http.MethodPatch, person, fmt.Sprintf(`{"displayName": %q, "profile": {"age": %q}}`, name, name)},
			{http.MethodPatch, person, fmt.Sprintf(`{%q: 1}`, name)},
			{http.MethodPost, "/v1/models/attrition:predict", `{"profile": ` + profile + `}`},
			{http.MethodPost, "/v1/models/attrition:predict", `{"profile": {"age": -1, "fieldOfStudy": "` + field + `"}}`},
			{http.MethodPost, "/v1/models/attrition:predict", `{"profile": {"fieldOfStudy": "` + field},
			{http.MethodPost, "/v1/models/attrition:batchPredict", `{"rows": [{"id": "` + row + `", "profile": {"jobTitle": "` + job + `"}}]}`},
			{http.MethodPost, "/v1/models/attrition:predictEmployees", fmt.Sprintf(`{"employeeIds": [%d]}`, employee.GetId())},
			{http.MethodPost, "/v1/models/" + url.PathEscape(name) + ":predict", `{"profile": {}}`},
		} {
			c.call(call[0], call[1], call[2])
		}
		c.send(http.MethodPost, "/v1/employees:import", "multipart/form-data; boundary=x",
			strings.NewReader("--x\r\nContent-Disposition: form-data; name=\"joined\"; filename=\""+search+".csv\"\r\n\r\nid_employee,"+search+"\n"+name+","+field+"\n\r\n--x--\r\n"))
	}
	client := futurisysv1.NewEmployeeServiceClient(dial(t, c.setting("PERSISTENCE_GRPC_ADDR")))
	for _, key := range []string{c.keys[access.Analyst], c.keys[access.Engineer], "x" + token} {
		ctx := metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+key)
		_, _ = client.ListEmployees(ctx, &futurisysv1.ListEmployeesRequest{Search: search, OrderBy: name})
		_, _ = client.CreateEmployee(ctx, &futurisysv1.CreateEmployeeRequest{Employee: &futurisysv1.Employee{Id: employee.GetId(), DisplayName: name}})
	}
	b := newBrowser(t, c.stack)
	c.signInByProvider(t, b, "analyst", "/ui/employees?search="+search)
	b.ask("/ui/employees?search="+search, nil)
	b.ask(fmt.Sprintf("/ui/employees/%d", employee.GetId()), nil)
	b.ask(fmt.Sprintf("/ui/employees/%d/edit", employee.GetId()), url.Values{"display_name": {name}, "field_of_study": {field}, "monthly_income": {name}})
	b.ask("/ui/simulate", url.Values{"job_title": {job}, "age": {name}})
	b.ask("/ui/sign-in/callback?state=x&code="+search, nil)
	b.signIn("fsk_"+search, "/ui/")
	// While the database is away what is to be recorded waits, and what is read fails.
	measured := map[string]string{"persistence": fmt.Sprint(c.metrics("persistence"))}
	c.persistence.stop()
	c.key = c.keys[access.Analyst]
	c.call(http.MethodPost, "/v1/models/attrition:predict", `{"profile": `+profile+`}`)
	c.call(http.MethodGet, person, nil)
	b.ask("/ui/employees?search="+search, nil)
	for _, program := range []string{"gateway", "inference"} {
		measured[program] = fmt.Sprint(c.metrics(program))
	}
	for program, p := range map[string]*program{"gateway": c.gateway, "inference": c.inference, "persistence": c.persistence} {
		if log := p.log.String(); program != "gateway" && !strings.Contains(log, "level=DEBUG") { // it has no such lines
			t.Errorf("the log of %s is not talkative: %.300s", program, log)
		}
		for where, text := range map[string]string{"log": p.log.String(), "metrics": measured[program]} {
			for what, secret := range secrets {
				if at := strings.Index(strings.ToLower(text), strings.ToLower(secret)); at >= 0 {
					t.Errorf("%s is in the %s of %s: ...%s", what, where, program, text[max(0, at-200):min(len(text), at+100)])
				}
			}
		}
	}
}
