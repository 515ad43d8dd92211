package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// answer is what REST answered.
type answer struct {
	code   int
	header http.Header
	body   []byte
}

// call makes a request. body may be a string, bytes or nil.
func (s *stack) call(method, path string, body any) answer {
	s.t.Helper()
	var reader io.Reader = http.NoBody
	switch body := body.(type) {
	case string:
		reader = strings.NewReader(body)
	case []byte:
		reader = bytes.NewReader(body)
	}
	return s.send(method, path, "application/json", reader)
}

func (s *stack) send(method, path, contentType string, body io.Reader) answer {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, s.web+path, body)
	if err != nil {
		s.t.Fatal(err)
	}
	request.Header.Set("Content-Type", contentType)
	return s.do(request)
}

func (s *stack) do(request *http.Request) answer {
	s.t.Helper()
	if s.key != "" && request.Header.Get("Authorization") == "" {
		request.Header.Set("Authorization", "Bearer "+s.key)
	}
	client := http.DefaultClient
	if s.https != nil {
		client = &http.Client{Transport: &http.Transport{TLSClientConfig: s.https}}
		defer client.CloseIdleConnections()
	}
	response, err := client.Do(request)
	if err != nil {
		s.t.Fatalf("%s %s: %v", request.Method, request.URL, err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatalf("%s %s: %v", request.Method, request.URL, err)
	}
	return answer{response.StatusCode, response.Header, text}
}

// upload sends files of the training data, by part; edit may change their text.
func (s *stack) upload(query string, parts map[string]string, edit func(part, text string) string) answer {
	s.t.Helper()
	return s.uploadTo("/v1/employees:import"+query, parts, edit)
}

func (s *stack) uploadTo(path string, parts map[string]string, edit func(part, text string) string) answer {
	s.t.Helper()
	var form bytes.Buffer
	writer := multipart.NewWriter(&form)
	for part, name := range parts {
		text := dataFile(s.t, name)
		if edit != nil {
			text = edit(part, text)
		}
		file, err := writer.CreateFormFile(part, name)
		if err != nil {
			s.t.Fatal(err)
		}
		if _, err := io.WriteString(file, text); err != nil {
			s.t.Fatal(err)
		}
	}
	if err := writer.Close(); err != nil {
		s.t.Fatal(err)
	}
	return s.send(http.MethodPost, path, writer.FormDataContentType(), &form)
}

// heldOut and extracts are the files of an import.
func heldOut() map[string]string { return map[string]string{"joined": "X_test.csv"} }

func extracts() map[string]string {
	return map[string]string{"extrait_sirh": "extrait_sirh.csv", "extrait_eval": "extrait_eval.csv", "extrait_sondage": "extrait_sondage.csv"}
}

func dataFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(absolute(t, "scripts/training/data/"+name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// into reads an answer that must be 200.
func (a answer) into(t *testing.T, message proto.Message) {
	t.Helper()
	if a.code != http.StatusOK {
		t.Fatalf("got %d %s", a.code, a.body)
	}
	if err := protojson.Unmarshal(a.body, message); err != nil {
		t.Fatalf("%v in %s", err, a.body)
	}
}

// failure is an error of REST, taken apart.
type failure struct {
	code   int
	reason string
	fields map[string]string
	retry  string // header Retry-After
	text   string
}

// failure reads an answer that must be an error as the API describes it.
func (a answer) failure(t *testing.T) failure {
	t.Helper()
	var body struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
		Details []struct {
			Type            string `json:"@type"`
			Reason          string `json:"reason"`
			Domain          string `json:"domain"`
			FieldViolations []struct {
				Field       string `json:"field"`
				Description string `json:"description"`
			} `json:"fieldViolations"`
		} `json:"details"`
	}
	if err := json.Unmarshal(a.body, &body); err != nil || a.code < 400 || a.header.Get("Content-Type") != "application/json" {
		t.Fatalf("not an error of the API: %d %s %s", a.code, a.header.Get("Content-Type"), a.body)
	}
	out := failure{code: a.code, fields: map[string]string{}, retry: a.header.Get("Retry-After"), text: body.Message}
	for _, detail := range body.Details {
		if strings.HasSuffix(detail.Type, "ErrorInfo") && detail.Domain == "futurisys" {
			out.reason = detail.Reason
		}
		for _, v := range detail.FieldViolations {
			out.fields[v.Field] = v.Description
		}
	}
	if body.Message == "" || out.reason == "" {
		t.Fatalf("an error without a message or a reason: %s", a.body)
	}
	return out
}

// refused checks the code and the reason of an error.
func (a answer) refused(t *testing.T, code int, reason string) failure {
	t.Helper()
	got := a.failure(t)
	if got.code != code || got.reason != reason {
		t.Fatalf("got %d %s (%s), want %d %s", got.code, got.reason, got.text, code, reason)
	}
	return got
}

// A caller who was refused names one word, and the operator finds the lines of each process.
func TestOneWordLeadsThroughTheLogs(t *testing.T) {
	s := start(t, options{database: sqliteURL(t), environment: []string{"LOG_LEVEL=debug"}})
	const id = "from-the-caller-1"
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.web+"/v1/models/attrition:predictEmployees", strings.NewReader(`{"employeeIds": [999999]}`))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("X-Request-ID", id)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	if answer.StatusCode != http.StatusNotFound || answer.Header.Get("X-Request-ID") != id || strings.Count(string(body), id) != 1 {
		t.Errorf("got %d, %q: %s", answer.StatusCode, answer.Header.Get("X-Request-ID"), body)
	}
	for _, p := range []*program{s.gateway, s.inference, s.persistence} {
		names := func() bool { // a line may follow the answer
			lines := p.log.String()
			return strings.Contains(lines, "request_id="+id) && strings.Contains(lines, "service="+p.name)
		}
		for deadline := time.Now().Add(10 * time.Second); !names() && time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		}
		if !names() {
			t.Errorf("%s does not name the request: %s", p.name, p.log)
		}
	}
}

// What was read can be written back as it is, and a key that would do nothing is refused.
func TestWhatWasReadIsWrittenBack(t *testing.T) {
	s := start(t, options{database: sqliteURL(t)})
	s.upload("", heldOut(), nil).into(t, &futurisysv1.ImportReport{})
	read := s.call(http.MethodGet, "/v1/employees/4", nil)
	var before, after futurisysv1.Employee
	read.into(t, &before)
	s.call(http.MethodPatch, "/v1/employees/4", read.body).into(t, &after)
	if !proto.Equal(before.GetProfile(), after.GetProfile()) {
		t.Errorf("got %v, want %v", &after, &before)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.web+"/v1/employees", strings.NewReader(`{"displayName": "x"}`))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Idempotency-Key", "again")
	s.do(request).refused(t, http.StatusBadRequest, "INVALID_ARGUMENT")
}

// Generated clients write a time's offset without a colon, and it is the same time.
func TestTimesOfGeneratedClientsAreTaken(t *testing.T) {
	s := start(t, options{database: sqliteURL(t)})
	first := s.predict(t, exampleJSON(t, s), "").GetCreateTime().AsTime()
	for offset, want := range map[time.Duration]int{-time.Minute: 1, time.Minute: 0} {
		at := first.Add(offset).In(time.FixedZone("", 2*3600))
		for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.000000-0700"} {
			var found futurisysv1.ListPredictionsResponse
			s.call(http.MethodGet, "/v1/predictions?createTimeFrom="+url.QueryEscape(at.Format(layout)), nil).into(t, &found)
			if len(found.GetPredictions()) != want {
				t.Errorf("from %s: got %v", at.Format(layout), &found)
			}
		}
	}
}

func TestHTTP2WithoutTLSIsRefused(t *testing.T) {
	s := start(t, options{environment: []string{"ENVIRONMENT=demo"}})
	connection, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(s.web, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	if _, err := io.WriteString(connection, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	got, err := bufio.NewReader(connection).ReadString('\n')
	if err != nil || !strings.HasPrefix(got, "HTTP/1.1 505") {
		t.Errorf("got %q, %v", got, err)
	}
}

// documented is an operation of the OpenAPI document.
type documented struct {
	ID         string `json:"operationId"`
	Parameters []struct {
		Name    string `json:"name"`
		In      string `json:"in"`
		Example any    `json:"example"`
	} `json:"parameters"`
	RequestBody struct {
		Content map[string]struct {
			Example json.RawMessage `json:"example"`
		} `json:"content"`
	} `json:"requestBody"`
	method, path string
}

// operations are those of the document as it is now, by their ids.
func (s *stack) operations() map[string]documented {
	var document struct {
		Paths map[string]map[string]documented `json:"paths"`
	}
	if err := json.Unmarshal(s.call(http.MethodGet, "/openapi.json", nil).body, &document); err != nil {
		s.t.Fatal(err)
	}
	out := map[string]documented{}
	for path, operations := range document.Paths {
		for method, operation := range operations {
			operation.method, operation.path = strings.ToUpper(method), path
			out[operation.ID] = operation
		}
	}
	return out
}

// try calls an operation with its examples.
func (s *stack) try(operation documented) answer {
	path, query := operation.path, url.Values{}
	for _, parameter := range operation.Parameters {
		switch {
		case parameter.Example == nil:
		case parameter.In == "path":
			path = strings.ReplaceAll(path, "{"+parameter.Name+"}", fmt.Sprint(parameter.Example))
		default:
			query.Set(parameter.Name, fmt.Sprint(parameter.Example))
		}
	}
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	if body := operation.RequestBody.Content["application/json"].Example; body != nil {
		return s.call(operation.method, path, string(body))
	}
	return s.call(operation.method, path, nil)
}

// What Swagger UI begins with is answered, not refused: all operations, those first that
// another one needs.
func TestDocumentedExamplesSucceed(t *testing.T) {
	s := start(t, options{database: sqliteURL(t)})
	s.upload("", heldOut(), nil).into(t, &futurisysv1.ImportReport{})
	setAlias := func(body string) {
		s.call(http.MethodPost, "/v1/models/attrition:setAlias", body).into(t, &futurisysv1.Model{})
	}
	setAlias(`{"alias": "candidate", "version": 1}`) // there is something to roll back to
	order := []string{"predict", "getPrediction", "setModelAlias", "rollbackModelAlias", "unloadModelVersion", "loadModelVersion"}
	for id := range s.operations() {
		if !slices.Contains(order, id) && id != "deleteEmployee" {
			order = append(order, id)
		}
	}
	for _, id := range append(order, "deleteEmployee") {
		operation := s.operations()[id]
		if slices.Contains([]string{"importEmployees", "eraseEmployee", "revokeKey"}, id) { // files, and what cannot be undone, are no examples
			continue
		}
		if id == "unloadModelVersion" {
			setAlias(`{"alias": "challenger"}`) // nothing stands for the version any more
		}
		if got := s.try(operation); got.code != http.StatusOK {
			t.Errorf("%s: got %d %.500s", id, got.code, got.body)
		}
	}
}
