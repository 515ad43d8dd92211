package e2e

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/metadata"

	"github.com/futurisys/futurisys/services/platform/access"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// companied is a guarded stack whose people have accounts at an OpenID provider.
type companied struct {
	*guarded

	issuer  string
	folder  string
	command *exec.Cmd
}

func startCompanied(t *testing.T, settings ...string) *companied {
	t.Helper()
	c := &companied{guarded: newGuarded(t), folder: t.TempDir(), issuer: "http://" + freePorts(t, 1)[0]}
	for _, name := range []string{"oidc.secret", "oidc.password"} {
		if err := os.WriteFile(filepath.Join(c.folder, name), []byte(rand.Text()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := exec.CommandContext(t.Context(), filepath.Join(binaries, "dev"), "certs", c.folder).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	web := freePorts(t, 1)[0]
	public := "http://" + web
	c.startProvider(t, public)
	c.settings = append(c.settings, "GATEWAY_HTTP_ADDR="+web, "GATEWAY_PUBLIC_URL="+public,
		"OIDC_ISSUER="+c.issuer, "OIDC_AUDIENCE=futurisys", "OIDC_CLIENT_ID=futurisys", "OIDC_CLIENT_SECRET_FILE="+filepath.Join(c.folder, "oidc.secret"), "OIDC_ASK_INTERVAL=1s",
		"SIGNING_KEY_FILE="+filepath.Join(c.folder, "signing-key.pem"), "TRUSTED_KEYS_FILE="+filepath.Join(c.folder, "signing.pem"))
	c.settings = append(c.settings, settings...)
	c.stack = start(t, options{database: sqliteURL(t), environment: c.settings})
	c.web = public
	return c
}

// secret is one of those that the provider has.
func (c *companied) secret(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(c.folder, name))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(content))
}

// startProvider starts the development provider, for a dashboard.
func (c *companied) startProvider(t *testing.T, dashboard string) {
	t.Helper()
	c.command = exec.CommandContext(t.Context(), filepath.Join(binaries, "dev"), "provider", strings.TrimPrefix(c.issuer, "http://"), dashboard, c.folder)
	if err := c.command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.stopProvider() })
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		answer, err := http.Get(c.issuer + "/healthz") //nolint:noctx // bounded by the deadline
		if err == nil {
			_ = answer.Body.Close()
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

func (c *companied) stopProvider() {
	_ = c.command.Process.Kill()
	_ = c.command.Wait()
}

// tell tells the provider something, by a form.
func (c *companied) tell(t *testing.T, path string, form url.Values) {
	t.Helper()
	answer, err := http.PostForm(c.issuer+path, form) //nolint:noctx // it answers at once
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
}

// authenticate shows a person's password to the provider, which a browser was sent to, and
// returns where it sends the browser back.
func (c *companied) authenticate(t *testing.T, to, person string) *url.URL {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Jar: jar, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if strings.HasPrefix(r.URL.String(), c.issuer) {
			return nil
		}
		return http.ErrUseLastResponse // it is ours again
	}}
	read := func(answer *http.Response, err error) (*http.Response, string) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return answer, string(text)
	}
	_, page := read(client.Get(to)) //nolint:noctx // it answers at once
	found := regexp.MustCompile(`name="id" value="([^"]+)"`).FindStringSubmatch(page)
	if found == nil {
		t.Fatalf("this is no form of the provider: %.500s", page)
	}
	answer, text := read(client.PostForm(c.issuer+"/login/username", url.Values{"id": {found[1]}, "username": {person}, "password": {c.secret(t, "oidc.password")}})) //nolint:noctx // it answers at once
	back, err := answer.Location()
	if err != nil {
		t.Fatalf("%v: %.500s", err, text)
	}
	return back
}

// signInByProvider signs a browser in as a person, and returns what the dashboard answers.
func (c *companied) signInByProvider(t *testing.T, b *browser, person, back string) answer {
	t.Helper()
	to := b.ask("/ui/sign-in/provider?back="+url.QueryEscape(back), nil)
	if to.code != http.StatusSeeOther {
		t.Fatalf("got %d %s", to.code, to.body)
	}
	return b.ask(c.authenticate(t, to.header.Get("Location"), person).RequestURI(), nil)
}

// token is an access token of a person, as a program gets it.
func (c *companied) token(t *testing.T, person string) string {
	t.Helper()
	verifier := rand.Text() + rand.Text()
	challenge := sha256.Sum256([]byte(verifier))
	callback := c.web + "/ui/sign-in/callback"
	to := c.issuer + "/auth?" + url.Values{
		"client_id": {"futurisys"}, "redirect_uri": {callback}, "response_type": {"code"}, "scope": {"openid profile"}, "state": {"x"},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(challenge[:])}, "code_challenge_method": {"S256"},
	}.Encode()
	code := c.authenticate(t, to, person).Query().Get("code")
	form := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {callback}, "code_verifier": {verifier}}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, c.issuer+"/oauth/token", strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.SetBasicAuth("futurisys", c.secret(t, "oidc.secret"))
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var got struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.NewDecoder(response.Body).Decode(&got); err != nil || got.AccessToken == "" {
		t.Fatalf("got %d, %v", response.StatusCode, err)
	}
	return got.AccessToken
}

// People sign in with the account of their company: what the provider says of them holds while
// it says so, and what they do is theirs in the services' record.
func TestPeopleSignInByAProvider(t *testing.T) {
	c := startCompanied(t)
	c.key = c.keys[access.Analyst]
	c.upload("", extracts(), nil).into(t, &futurisysv1.ImportReport{})
	b := newBrowser(t, c.stack)
	if got := b.ask("/ui/employees", nil); got.code != http.StatusSeeOther || !strings.HasPrefix(got.header.Get("Location"), "/ui/sign-in") {
		t.Fatalf("got %d %v", got.code, got.header)
	}
	if got := c.signInByProvider(t, b, "analyst", "/ui/employees"); got.code != http.StatusSeeOther || got.header.Get("Location") != "/ui/employees" {
		t.Fatalf("got %d %v %s", got.code, got.header, got.body)
	}
	if got := b.ask("/ui/employees/4", nil); got.code != http.StatusOK || !strings.Contains(string(got.body), "Analyst Martin") {
		t.Fatalf("got %d", got.code)
	}
	c.expectEvent(t, c.issuer+"#analyst", "GetEmployee", 4, false)
	c.expectEvent(t, c.issuer+"#analyst", "SignIn", 0, false)

	// The provider's keys change, and somebody signs in by the new one.
	c.tell(t, "/rotate", nil)
	other := newBrowser(t, c.stack)
	if got := c.signInByProvider(t, other, "engineer", "/ui/model"); got.code != http.StatusSeeOther {
		t.Fatalf("got %d %s", got.code, got.body)
	}
	if got := other.ask("/ui/employees", nil); got.code != http.StatusForbidden {
		t.Errorf("an engineer sees people: %d", got.code)
	}

	// A role that is taken away is gone when the provider was asked again; without any the
	// session ends.
	c.tell(t, "/roles", url.Values{"person": {"analyst"}, "roles": {"viewer"}})
	c.eventually("a role that was taken away is gone", func() bool { return b.ask("/ui/employees", nil).code == http.StatusForbidden })
	c.tell(t, "/roles", url.Values{"person": {"analyst"}})
	c.eventually("a session without a role ends", func() bool { return b.ask("/ui/model", nil).code == http.StatusSeeOther })
	if got := c.signInByProvider(t, newBrowser(t, c.stack), "analyst", "/ui/"); got.code != http.StatusForbidden {
		t.Errorf("somebody without a role: got %d", got.code)
	}

	// Signing out ends the session here, whoever kept the cookie, and leads to the provider.
	there, _ := url.Parse(c.web)
	kept := other.Jar.Cookies(there)
	got := other.ask("/ui/sign-out", url.Values{})
	if to := got.header.Get("Location"); got.code != http.StatusSeeOther || !strings.HasPrefix(to, c.issuer+"/end_session?") || !strings.Contains(to, "id_token_hint=") {
		t.Errorf("got %d %v", got.code, got.header)
	}
	other.Jar.SetCookies(there, kept)
	if got := other.ask("/ui/model", nil); got.code != http.StatusSeeOther {
		t.Errorf("a cookie that was kept: got %d", got.code)
	}

	// Who is signed in goes on while the provider is away; nobody else comes in.
	admin := newBrowser(t, c.stack)
	if got := c.signInByProvider(t, admin, "admin", "/ui/erase"); got.code != http.StatusSeeOther {
		t.Fatalf("got %d %s", got.code, got.body)
	}
	c.stopProvider()
	time.Sleep(1500 * time.Millisecond) // until it would be asked
	if got := admin.ask("/ui/erase", nil); got.code != http.StatusOK {
		t.Errorf("while the provider is away: got %d", got.code)
	}
	back := newBrowser(t, c.stack)
	state := "?state=x&code=y"
	if got := back.ask("/ui/sign-in/callback"+state, nil); got.code != http.StatusForbidden {
		t.Errorf("a callback that nobody has begun: got %d", got.code)
	}
}

// What comes back from the provider counts once, and only in the browser that asked.
func TestASignInIsOfOneBrowser(t *testing.T) {
	c := startCompanied(t)
	victim, attacker := newBrowser(t, c.stack), newBrowser(t, c.stack)
	victim.ask("/ui/sign-in/provider", nil)
	to := attacker.ask("/ui/sign-in/provider", nil).header.Get("Location")
	for _, part := range []string{"code_challenge=", "code_challenge_method=S256", "state=", "nonce="} {
		if !strings.Contains(to, part) {
			t.Errorf("%s is not in %s", part, to)
		}
	}
	back := c.authenticate(t, to, "admin").RequestURI()
	if got := victim.ask(back, nil); got.code != http.StatusForbidden {
		t.Errorf("another browser's answer: got %d", got.code)
	}
	if got := attacker.ask(back, nil); got.code != http.StatusSeeOther {
		t.Errorf("its own: got %d %s", got.code, got.body)
	}
	if got := attacker.ask(back, nil); got.code != http.StatusForbidden {
		t.Errorf("again: got %d", got.code)
	}
	for _, away := range []string{"//evil.example.com", "https://evil.example.com/"} {
		b := newBrowser(t, c.stack)
		if got := c.signInByProvider(t, b, "admin", away); got.code != http.StatusSeeOther || strings.Contains(got.header.Get("Location"), "evil") {
			t.Errorf("back to %s: got %d %v", away, got.code, got.header)
		}
	}
}

// Programs call with the provider's tokens, over REST and at the services' own ports.
func TestTokensOfTheProvider(t *testing.T) {
	c := startCompanied(t)
	analyst, engineer := c.token(t, "analyst"), c.token(t, "engineer")
	for path, want := range map[string][2]int{
		"/v1/employees":        {http.StatusOK, http.StatusForbidden},
		"/v1/models/attrition": {http.StatusOK, http.StatusOK},
		"/v1/auditEvents":      {http.StatusForbidden, http.StatusForbidden},
	} {
		for i, token := range []string{analyst, engineer} {
			c.key = token
			if got := c.call(http.MethodGet, path, nil); got.code != want[i] {
				t.Errorf("%s by %d: got %d %s", path, i, got.code, got.body)
			}
		}
	}
	for _, target := range []string{c.setting("PERSISTENCE_GRPC_ADDR")} {
		client := futurisysv1.NewEmployeeServiceClient(dial(t, target))
		if _, err := client.ListEmployees(metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+analyst), &futurisysv1.ListEmployeesRequest{}); err != nil {
			t.Errorf("at the service's own port: %v", err)
		}
		if _, err := client.ListEmployees(metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+engineer), &futurisysv1.ListEmployeesRequest{}); err == nil {
			t.Error("an engineer lists people")
		}
	}
	c.key = analyst + "x"
	if got := c.call(http.MethodGet, "/v1/employees", nil); got.code != http.StatusUnauthorized {
		t.Errorf("a token that was changed: got %d %s", got.code, got.body)
	}
	c.tell(t, "/rotate", nil)
	c.key = c.token(t, "analyst")
	if got := c.call(http.MethodGet, "/v1/employees", nil); got.code != http.StatusOK {
		t.Errorf("by a new key of the provider: got %d %s", got.code, got.body)
	}
	c.stopProvider()
	if got := c.call(http.MethodGet, "/v1/employees", nil); got.code != http.StatusOK {
		t.Errorf("while the provider is away: got %d %s", got.code, got.body)
	}
}

// make run AUTH=on shows the whole: certificates, keys, and a provider at which four people
// sign in.
func TestRunningWithAuthentication(t *testing.T) {
	ports := freePorts(t, 7)
	s := &stack{t: t, web: "http://" + ports[0]}
	log, folder := runner(t, "", "ENVIRONMENT=dev", "AUTH=on", "DATABASE_URL="+sqliteURL(t), "DEV_OIDC_ADDR="+ports[6],
		"GATEWAY_HTTP_ADDR="+ports[0], "GATEWAY_ADMIN_ADDR="+ports[1], "INFERENCE_GRPC_ADDR="+ports[2],
		"INFERENCE_ADMIN_ADDR="+ports[3], "INFERENCE_TARGET="+ports[2], "PERSISTENCE_GRPC_ADDR="+ports[4],
		"PERSISTENCE_ADMIN_ADDR="+ports[5], "PERSISTENCE_TARGET="+ports[4])
	s.eventually("dev is ready", func() bool { return strings.Contains(log.String(), "ready (dev)") })
	c := &companied{guarded: &guarded{stack: s}, issuer: "http://" + ports[6], folder: filepath.Join(folder, "var/access")}
	for person, code := range map[string]int{"analyst": http.StatusOK, "auditor": http.StatusOK, "engineer": http.StatusForbidden, "admin": http.StatusForbidden} {
		b := newBrowser(t, s)
		if got := c.signInByProvider(t, b, person, "/ui/employees"); got.code != http.StatusSeeOther {
			t.Errorf("%s: got %d %s", person, got.code, got.body)
		}
		if got := b.ask("/ui/employees", nil); got.code != code {
			t.Errorf("%s: got %d", person, got.code)
		}
	}
}
