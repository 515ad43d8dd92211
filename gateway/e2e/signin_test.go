package e2e

import (
	"bytes"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/futurisys/futurisys/services/platform/access"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// browser is what a person has: cookies, and redirects that are looked at.
type browser struct {
	*http.Client

	t   *testing.T
	web string
}

func newBrowser(t *testing.T, s *stack) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &browser{t: t, web: s.web, Client: &http.Client{Jar: jar, Timeout: 10 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// ask asks for a page, with a form where there is one.
func (b *browser) ask(path string, form url.Values, headers ...string) answer {
	b.t.Helper()
	method, body := http.MethodGet, io.Reader(http.NoBody)
	if form != nil {
		method, body = http.MethodPost, strings.NewReader(form.Encode())
	}
	request, err := http.NewRequestWithContext(b.t.Context(), method, b.web+path, body)
	if err != nil {
		b.t.Fatal(err)
	}
	if form != nil {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := b.Do(request)
	if err != nil {
		b.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return answer{response.StatusCode, response.Header, text}
}

func (b *browser) signIn(key, back string) answer {
	b.t.Helper()
	return b.ask("/ui/sign-in", url.Values{"key": {key}, "back": {back}})
}

// A person signs in with a key, sees what his role may see and nothing else, and is nobody when
// he has signed out or his key was revoked, whoever kept the cookie.
func TestPeopleSignInAtTheDashboard(t *testing.T) {
	g := newGuarded(t)
	short := g.newKey(t, "--role", "analyst", "--owner", "Zoé")
	g.stack = start(t, options{database: sqliteURL(t), environment: g.settings})
	g.key = g.keys[access.Analyst]
	g.upload("", extracts(), nil).into(t, &futurisysv1.ImportReport{})

	b := newBrowser(t, g.stack)
	if got := b.ask("/ui/employees?sex=f", nil); got.code != http.StatusSeeOther || got.header.Get("Location") != "/ui/sign-in?back=%2Fui%2Femployees%3Fsex%3Df" || got.header.Get("WWW-Authenticate") != "" {
		t.Errorf("nobody: got %d %v", got.code, got.header)
	}
	if got := b.ask("/ui/employees", nil, "HX-Request", "true"); got.code != http.StatusUnauthorized || !strings.HasPrefix(got.header.Get("Hx-Redirect"), "/ui/sign-in?back=") {
		t.Errorf("a part of a page: got %d %v", got.code, got.header)
	}
	if got := b.ask("/ui/sign-in", nil); got.code != http.StatusOK || !strings.Contains(string(got.body), `name="key"`) || strings.Contains(string(got.body), "/ui/employees") {
		t.Errorf("the form: got %d %s", got.code, got.body)
	}
	for _, wrong := range []string{"", "fsk_nobody", short + "x", strings.Repeat("x", 100_000)} {
		if got := b.signIn(wrong, "/ui/employees"); got.code != http.StatusUnauthorized || got.header.Get("Set-Cookie") != "" {
			t.Errorf("%.20q: got %d %v", wrong, got.code, got.header)
		}
	}
	for back, want := range map[string]string{"/ui/history?page=2": "/ui/history?page=2", "https://example.org/": "/ui/", "//example.org": "/ui/", "/ui/sign-in": "/ui/"} {
		if got := b.signIn(short, back); got.code != http.StatusSeeOther || got.header.Get("Location") != want {
			t.Errorf("back to %s: got %d %v", back, got.code, got.header)
		}
	}
	cookie := b.Jar.Cookies(&url.URL{Scheme: "http", Host: strings.TrimPrefix(b.web, "http://"), Path: "/ui/"})
	page := b.ask("/ui/employees", nil)
	if page.code != http.StatusOK || !strings.Contains(string(page.body), "Zoé") && !strings.Contains(string(page.body), "test") {
		t.Errorf("signed in: got %d %.300s", page.code, page.body)
	}
	if got := b.ask("/v1/employees", nil); got.code != http.StatusUnauthorized {
		t.Errorf("the API by the browser's session: got %d", got.code)
	}
	if got := b.ask("/ui/sign-out", url.Values{}, "Origin", "https://example.org", "Sec-Fetch-Site", "cross-site"); got.code != http.StatusForbidden {
		t.Errorf("another site signs him out: got %d", got.code)
	}
	if got := b.ask("/ui/sign-out", url.Values{}); got.code != http.StatusSeeOther {
		t.Errorf("signing out: got %d", got.code)
	}
	if got := b.ask("/ui/employees", nil); got.code != http.StatusSeeOther {
		t.Errorf("signed out: got %d", got.code)
	}
	b.Jar.SetCookies(&url.URL{Scheme: "http", Host: strings.TrimPrefix(b.web, "http://"), Path: "/"}, cookie)
	if got := b.ask("/ui/employees", nil); got.code != http.StatusSeeOther {
		t.Errorf("with the cookie of before: got %d", got.code)
	}

	b.signIn(short, "")
	if got := b.ask("/ui/employees", nil); got.code != http.StatusOK {
		t.Errorf("signed in again: got %d", got.code)
	}
	id, _, _ := strings.Cut(strings.TrimPrefix(short, "fsk_"), "_")
	g.keysCommand(t, "revoke", id)
	g.eventually("a revoked key's session is over", func() bool { return b.ask("/ui/employees", nil).code == http.StatusSeeOther })
}

// Who may see no employees scores a file all the same, and has the results on the page.
func TestAFileIsScoredByWhoSeesNoEmployees(t *testing.T) {
	g := startGuarded(t)
	b := newBrowser(t, g.stack)
	b.signIn(g.keys[access.Engineer], "")
	var form bytes.Buffer
	writer := multipart.NewWriter(&form)
	part, err := writer.CreateFormFile("file", "joined.csv")
	if err != nil {
		t.Fatal(err)
	}
	held, err := os.ReadFile(absolute(t, "scripts/training/data/X_test.csv"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfterN(string(held), "\n", 4)
	if _, err := part.Write([]byte(strings.Join(lines[:3], ""))); err != nil {
		t.Fatal(err)
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, b.web+"/ui/batch/score", &form)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", writer.FormDataContentType())
	answer, err := b.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	page, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK || !strings.Contains(string(page), "data:text/csv") && !strings.Contains(string(page), "<table") || strings.Contains(string(page), "employees.") || strings.Contains(string(page), "/ui/batches/") {
		t.Errorf("got %d %v %.3000s", answer.StatusCode, err, page)
	}
}

// Each role's pages have what it may do, and refuse the rest when asked for it anyway.
func TestScreensShowWhatTheReaderMayDo(t *testing.T) {
	g := newGuarded(t)
	g.stack = start(t, options{database: sqliteURL(t), environment: g.settings})
	g.key = g.keys[access.Analyst]
	g.upload("", extracts(), nil).into(t, &futurisysv1.ImportReport{})
	const score, edit, alias = `/score"`, `/edit"`, `model/alias?`
	for role, test := range map[access.Role]struct {
		sections     string
		may, may403  []string
		has, hasNone []string
	}{
		access.Analyst: {
			"employees simulate batch import history model health",
			[]string{"/ui/employees/4/edit", "/ui/import", "/ui/simulate"},
			[]string{"/ui/model/alias?alias=champion&version=2"},
			[]string{score, edit},
			[]string{alias},
		},
		access.Auditor: {
			"employees history model audit health",
			[]string{"/ui/employees", "/ui/history"},
			[]string{"/ui/employees/4/edit", "/ui/import", "/ui/simulate", "/ui/batch", "/ui/model/alias?alias=champion&version=2"},
			nil,
			[]string{score, edit, alias, `id="what-if"`},
		},
		access.Engineer: {
			"simulate batch model health",
			[]string{"/ui/model/alias?alias=champion&version=2", "/ui/simulate"},
			[]string{"/ui/employees", "/ui/employees/4", "/ui/history", "/ui/history.csv", "/ui/import"},
			[]string{alias},
			[]string{score, edit},
		},
		access.Admin:  {"model access audit erase health", []string{"/ui/access", "/ui/audit", "/ui/erase"}, []string{"/ui/employees", "/ui/simulate"}, nil, []string{score, edit, alias}},
		access.Viewer: {"model health", []string{"/ui/model"}, []string{"/ui/employees", "/ui/simulate", "/ui/batch", "/ui/history"}, nil, []string{score, edit, alias}},
	} {
		t.Run(string(role), func(t *testing.T) {
			b := newBrowser(t, g.stack)
			b.signIn(g.keys[role], "")
			first, _, _ := strings.Cut(test.sections, " ")
			if got := b.ask("/ui/", nil); got.header.Get("Location") != "/ui/"+first {
				t.Errorf("the first page: got %v", got.header)
			}
			page := string(b.ask("/ui/model", nil).body)
			_, navigation, _ := strings.Cut(page, "<nav")
			navigation, _, _ = strings.Cut(navigation, "</nav>")
			var sections []string
			for _, part := range strings.Split(navigation, `href="/ui/`)[1:] {
				name, _, _ := strings.Cut(part, `"`)
				sections = append(sections, name)
			}
			if got := strings.Join(sections, " "); got != test.sections {
				t.Errorf("the navigation has %s", got)
			}
			for _, path := range test.may {
				if got := b.ask(path, nil); got.code != http.StatusOK {
					t.Errorf("%s: got %d", path, got.code)
				}
			}
			for _, path := range test.may403 {
				if got := b.ask(path, nil); got.code != http.StatusForbidden {
					t.Errorf("%s: got %d", path, got.code)
				}
			}
			for _, path := range []string{"/ui/employees", "/ui/employees/4"} {
				if got := b.ask(path, nil); got.code == http.StatusOK {
					page += string(got.body)
				}
			}
			for _, text := range test.has {
				if !strings.Contains(page, text) {
					t.Errorf("%s is not there", text)
				}
			}
			for _, text := range test.hasNone {
				if strings.Contains(page, text) {
					t.Errorf("%s is there", text)
				}
			}
			if got := b.ask("/ui/employees/4/score", url.Values{"request_id": {"x"}}); (got.code == http.StatusForbidden) != (role != access.Analyst) {
				t.Errorf("scoring: got %d", got.code)
			}
		})
	}
}
