package e2e

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

// The document is complete with what only the loaded model knows, and is served
// without it too.
func TestDocumentKnowsTheModel(t *testing.T) {
	s := start(t, options{environment: []string{"ENVIRONMENT=demo"}})
	read := func() (version, department string) {
		var document struct {
			OpenAPI    string `json:"openapi"`
			Components struct {
				Schemas map[string]struct {
					Properties map[string]struct {
						Description string `json:"description"`
					} `json:"properties"`
				} `json:"schemas"`
			} `json:"components"`
		}
		if err := json.Unmarshal(s.call(http.MethodGet, "/openapi.json", nil).body, &document); err != nil {
			t.Fatal(err)
		}
		return document.OpenAPI, document.Components.Schemas["EmployeeProfile"].Properties["department"].Description
	}
	if version, department := read(); version != "3.1.0" || !strings.Contains(department, "attrition/1 takes: Commercial, Consulting, Ressources Humaines") {
		t.Errorf("got %s, %q", version, department)
	}
	s.inference.stop()
	if version, department := read(); version != "3.1.0" || department == "" {
		t.Errorf("without inference: got %s, %q", version, department)
	}
}

func TestSwaggerUIComesFromTheBinary(t *testing.T) {
	s := start(t, options{environment: []string{"ENVIRONMENT=demo"}})
	page := s.call(http.MethodGet, "/docs/", nil)
	if page.code != http.StatusOK || !strings.Contains(page.header.Get("Content-Security-Policy"), "script-src 'self'") {
		t.Fatalf("got %d, %v", page.code, page.header)
	}
	if strings.Contains(string(page.body), "http://") || strings.Contains(string(page.body), "https://") {
		t.Error("the page names another host")
	}
	for _, file := range []string{"swagger-ui-bundle.js", "swagger-ui.css", "start.js"} {
		if got := s.call(http.MethodGet, "/docs/"+file, nil); got.code != http.StatusOK || len(got.body) == 0 {
			t.Errorf("%s: got %d", file, got.code)
		}
	}
}
