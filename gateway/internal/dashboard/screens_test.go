package dashboard

import (
	"bytes"
	"maps"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/futurisys/futurisys/gateway/internal/dashboard/form"
	"github.com/futurisys/futurisys/gateway/internal/dashboard/ui"
	"github.com/futurisys/futurisys/services/platform/apierr"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// question is a request for a screen that succeeds, and what its page has in it.
type question struct {
	path string
	form url.Values        // of a POST
	file map[string]string // of a POST with files, by field
	code int               // 0: 200
	part string
	// needs are the services without which the page cannot be; "": none.
	needs string
}

const theCSV = "job_level,overtime,department,last_raise_percent\n2,Oui,Consulting,11\n"

// typed is a form as a browser sends it: with all of its fields.
func typed(values url.Values) url.Values {
	out := url.Values{"etag": {"1"}, "display_name": {"Élodie"}}
	for _, field := range form.Fields() {
		out.Set(field.Name, "")
	}
	maps.Copy(out, values)
	return out
}

// questions are by pattern: each screen has one.
func questions() map[string]question {
	employee := url.Values{"job_level": {"3"}, "overtime": {"true"}, "department": {"Consulting"}}
	return map[string]question{
		"GET /ui/{$}":                     {path: "/ui/", code: http.StatusSeeOther},
		"POST /ui/settings":               {path: "/ui/settings", form: url.Values{"language": {"en"}, "back": {"/ui/model"}}, code: http.StatusSeeOther},
		"GET /ui/alive":                   {path: "/ui/alive?service=inference"},
		"GET /ui/simulate":                {path: "/ui/simulate", part: `name="overtime"`, needs: ui.Inference},
		"POST /ui/simulate":               {path: "/ui/simulate", form: employee, part: "60", needs: ui.Inference},
		"GET /ui/batch":                   {path: "/ui/batch", part: `type="file"`, needs: ui.Inference},
		"POST /ui/batch/check":            {path: "/ui/batch/check", file: map[string]string{"file": theCSV}, part: "1", needs: ui.Inference},
		"POST /ui/batch/score":            {path: "/ui/batch/score", file: map[string]string{"file": theCSV}, part: aBatch, needs: ui.Inference},
		"GET /ui/model":                   {path: "/ui/model", part: "1.0.0", needs: ui.Inference},
		"GET /ui/model/threshold":         {path: "/ui/model/threshold?threshold=40", code: http.StatusSeeOther},
		"GET /ui/model/curve":             {path: "/ui/model/curve?feature=job_level&version=1", part: "Niveau", needs: ui.Inference},
		"GET /ui/model/alias":             {path: "/ui/model/alias?alias=champion&version=1", part: "champion", needs: ui.Inference},
		"POST /ui/model/alias":            {path: "/ui/model/alias", form: url.Values{"alias": {"champion"}, "version": {"1"}, "changed_by": {"me"}, "comment": {"x"}}, code: http.StatusSeeOther, needs: ui.Inference},
		"GET /ui/employees":               {path: "/ui/employees", part: "Élodie &lt;b&gt;", needs: ui.Persistence},
		"GET /ui/employees.csv":           {path: "/ui/employees.csv?department=Consulting", part: "Élodie <b>", needs: ui.Persistence},
		"POST /ui/employees/score":        {path: "/ui/employees/score", form: url.Values{"id": {"4"}}, part: aBatch, needs: ui.Inference},
		"GET /ui/employees/{id}":          {path: "/ui/employees/4", part: "Élodie &lt;b&gt;", needs: ui.Persistence},
		"POST /ui/employees/{id}/score":   {path: "/ui/employees/4/score", form: url.Values{}, code: http.StatusSeeOther, needs: ui.Inference},
		"POST /ui/employees/{id}/what-if": {path: "/ui/employees/4/what-if", form: employee, part: "60"},
		"GET /ui/employees/{id}/edit":     {path: "/ui/employees/4/edit", part: `value="1"`, needs: ui.Persistence},
		"POST /ui/employees/{id}/edit":    {path: "/ui/employees/4/edit", form: typed(employee), code: http.StatusSeeOther, needs: ui.Persistence},
		"GET /ui/import":                  {path: "/ui/import", part: `type="file"`},
		"POST /ui/import":                 {path: "/ui/import", file: map[string]string{"joined": "id_employee\n1\n"}, part: "1", needs: ui.Persistence},
		"GET /ui/history":                 {path: "/ui/history", part: "60", needs: ui.Persistence},
		"GET /ui/history.csv":             {path: "/ui/history.csv?risk_band=HIGH", part: "0,6", needs: ui.Persistence},
		"GET /ui/batches/{batch}":         {path: "/ui/batches/" + aBatch, part: "60", needs: ui.Persistence},
		"GET /ui/predictions/{id}":        {path: "/ui/predictions/" + aPrediction, part: "60", needs: ui.Persistence},
		"GET /ui/access":                  {path: "/ui/access", part: "Révoquer", needs: ui.Persistence},
		"POST /ui/access":                 {path: "/ui/access", form: url.Values{"name": {"paie"}, "role": {"scorer"}}, part: "fsk_secret", needs: ui.Persistence},
		"POST /ui/access/{key}/revoke":    {path: "/ui/access/k/revoke", form: url.Values{}, code: http.StatusSeeOther, needs: ui.Persistence},
		"GET /ui/audit":                   {path: "/ui/audit?employee=4", part: "A ouvert une fiche", needs: ui.Persistence},
		"GET /ui/erase":                   {path: "/ui/erase", part: `name="again"`},
		"POST /ui/erase":                  {path: "/ui/erase", form: url.Values{"employee": {"4"}, "again": {"4"}}, part: "4 est effacé, avec 3 scores", needs: ui.Persistence},
		"GET /ui/health":                  {path: "/ui/health", part: "devel"},
		Prefix:                            {path: "/ui/nowhere", code: http.StatusNotFound},
		"GET /ui/static/{$}":              {path: "/ui/static/", code: http.StatusNotFound},
	}
}

func (q question) request(t *testing.T) *http.Request {
	t.Helper()
	request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, q.path, nil)
	switch {
	case q.file != nil:
		var body bytes.Buffer
		form := multipart.NewWriter(&body)
		for field, content := range q.file {
			part, err := form.CreateFormFile(field, field+".csv")
			if err != nil {
				t.Fatal(err)
			}
			_, _ = part.Write([]byte(content))
		}
		_ = form.Close()
		request = httptest.NewRequestWithContext(t.Context(), http.MethodPost, q.path, &body)
		request.Header.Set("Content-Type", form.FormDataContentType())
	case q.form != nil:
		request = httptest.NewRequestWithContext(t.Context(), http.MethodPost, q.path, strings.NewReader(q.form.Encode()))
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	request.Header.Set("Accept-Language", "fr")
	return request
}

func (f *fakes) ask(t *testing.T, q question) (int, string) {
	t.Helper()
	recorder := httptest.NewRecorder()
	f.dashboard.ServeHTTP(recorder, q.request(t))
	return recorder.Code, recorder.Body.String()
}

// A screen that is added without a question here is not known to work.
func TestEveryScreenAnswers(t *testing.T) {
	f := start(t)
	for _, screen := range f.dashboard.screens() {
		q, ok := questions()[screen.Pattern]
		if !ok {
			t.Errorf("%s has no question", screen.Pattern)
			continue
		}
		if q.code == 0 {
			q.code = http.StatusOK
		}
		code, body := f.ask(t, q)
		if code != q.code && (screen.Pattern != "GET /ui/alive" || code != http.StatusNoContent) || !strings.Contains(body, q.part) {
			t.Errorf("%s: got %d, and %q is not in %s", screen.Pattern, code, q.part, body)
		}
		if strings.Contains(body, "Élodie <b>") && !screen.Unbounded {
			t.Errorf("%s: a name is not escaped", screen.Pattern)
		}
		if route := f.dashboard.Route(q.request(t)); route.Policy == nil || !strings.HasSuffix(screen.Pattern, route.Pattern) {
			t.Errorf("%s has the route %q", screen.Pattern, route.Pattern)
		}
	}
}

// Which service is missed is said by name, and a page never fails for one that it can do
// without.
func TestScreensSayWhichServiceIsUnavailable(t *testing.T) {
	titles := map[string]string{ui.Inference: "Le calcul des scores est indisponible", ui.Persistence: "La base des salariés est indisponible"}
	for name, missed := range map[string]func(*fakes) *service{
		ui.Inference: func(f *fakes) *service { return f.inference }, ui.Persistence: func(f *fakes) *service { return f.persistence },
	} {
		f := start(t)
		missed(f).away.Store(true)
		for pattern, q := range questions() {
			code, body := f.ask(t, q)
			if code == http.StatusInternalServerError {
				t.Errorf("%s without %s: got %d: %s", pattern, name, code, body)
			}
			if q.needs == name && !strings.Contains(body, titles[name]) {
				t.Errorf("%s without %s: got %d, and it is not said: %s", pattern, name, code, body)
			}
		}
	}
}

// What a service says of its own fault is not shown.
func TestScreensShowNothingOfAFault(t *testing.T) {
	f := start(t)
	fault := status.New(codes.Internal, "SELECT secret")
	f.inference.failure.Store(fault)
	f.persistence.failure.Store(fault)
	for pattern, q := range questions() {
		if _, body := f.ask(t, q); strings.Contains(body, "secret") {
			t.Errorf("%s shows what is inside: %s", pattern, body)
		}
	}
}

// A record is never written from a form of which a part is missing.
func TestABrokenFormErasesNothing(t *testing.T) {
	f := start(t)
	for _, missing := range []string{"etag", "display_name", "age", "overtime"} {
		broken := typed(url.Values{"job_level": {"3"}})
		broken.Del(missing)
		if code, _ := f.ask(t, question{path: "/ui/employees/4/edit", form: broken}); code != http.StatusBadRequest {
			t.Errorf("without %s: got %d", missing, code)
		}
	}
	if updates := asked[*futurisysv1.UpdateEmployeeRequest](f.persistence, futurisysv1.EmployeeService_UpdateEmployee_FullMethodName); len(updates) > 0 {
		t.Errorf("written: %v", updates)
	}
}

// What is refused before it reaches its screen is a page too, in the reader's language.
func TestRefusedRequestsArePages(t *testing.T) {
	f := start(t)
	for reason, want := range map[futurisysv1.ErrorReason]int{
		futurisysv1.ErrorReason_ERROR_REASON_CROSS_ORIGIN: http.StatusForbidden,
		futurisysv1.ErrorReason_ERROR_REASON_TOO_LARGE:    http.StatusRequestEntityTooLarge,
		futurisysv1.ErrorReason_ERROR_REASON_OVERLOADED:   http.StatusServiceUnavailable,
	} {
		recorder := httptest.NewRecorder()
		f.dashboard.FailRequest(recorder, question{path: "/ui/employees"}.request(t), apierr.New(reason, "max", 10))
		if body := recorder.Body.String(); recorder.Code != want || !strings.Contains(body, `<html lang="fr">`) || !strings.Contains(body, `role="alert"`) ||
			recorder.Header().Get("Content-Security-Policy") == "" {
			t.Errorf("%s: got %d %s", reason, recorder.Code, body)
		}
	}
}

func TestScreensRefuseWhatTheyCannotRead(t *testing.T) {
	f := start(t)
	for name, test := range map[string]struct {
		question

		want int
		said string
	}{
		"employee that is no number":       {question{path: "/ui/employees/x"}, 404, ""},
		"history of no number":             {question{path: "/ui/history?employee=x"}, 400, "nombre entier"},
		"history from no day":              {question{path: "/ui/history?from=31/12/2026"}, 400, "date"},
		"history of version 0":             {question{path: "/ui/history?version=0"}, 400, "La version doit"},
		"history of no batch":              {question{path: "/ui/history?batch=1"}, 400, "identifiant du lot"},
		"batch that is no id":              {question{path: "/ui/batches/x"}, 404, ""},
		"history export of a filter typo":  {question{path: "/ui/history.csv?band=HIGH"}, 400, "paramètre inconnu"},
		"employee export of a filter typo": {question{path: "/ui/employees.csv?departement=x"}, 400, "paramètre inconnu"},
		"file without its columns":         {question{path: "/ui/batch/check", file: map[string]string{"file": "age\n1\n"}}, 200, "Colonnes manquantes"},
		"file with a title":                {question{path: "/ui/batch/check", file: map[string]string{"file": "Extraction\nage\n1\n"}}, 200, "en-t"},
		"file that is empty":               {question{path: "/ui/batch/check", file: map[string]string{"file": ""}}, 200, "vide"},
		"scoring of an empty file":         {question{path: "/ui/batch/score", file: map[string]string{"file": ""}}, 400, "vide"},
		"simulation of a word":             {question{path: "/ui/simulate", form: url.Values{"job_level": {"x"}}}, 400, "nombre entier"},
		"curve of nothing":                 {question{path: "/ui/model/curve?feature=nothing&version=1"}, 404, ""},
		"edit without fields":              {question{path: "/ui/employees/4/edit", form: url.Values{}}, 400, "pas pu être lu"},
		"edit without an etag":             {question{path: "/ui/employees/4/edit", form: typed(url.Values{"etag": {""}})}, 400, "pas pu être lu"},
		"field that is sent twice":         {question{path: "/ui/simulate", form: typed(url.Values{"age": {"40", "50"}})}, 400, "plus d&#39;une fois"},
	} {
		if code, body := f.ask(t, test.question); code != test.want || !strings.Contains(body, test.said) {
			t.Errorf("%s: got %d, and %q is not in %s", name, code, test.said, body)
		}
	}
}
