package dashboard

import (
	"cmp"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/futurisys/futurisys/gateway/internal/dashboard/ui"
	"github.com/futurisys/futurisys/gateway/internal/openid"
	"github.com/futurisys/futurisys/gateway/internal/session"
	"github.com/futurisys/futurisys/services/platform/access"
	"github.com/futurisys/futurisys/services/platform/apierr"
	"github.com/futurisys/futurisys/services/platform/audit"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// Where people sign in, by a provider, and where that sends them back.
const (
	SignPath     = ui.Prefix + "sign-in"
	providerPath = SignPath + "/provider"
	CallbackPath = SignPath + "/callback"
)

// signing are the screens by which people sign in and out; none where nobody must be known.
func (d *Dashboard) signing() []ui.Screen {
	if d.Gate.Open() {
		return nil
	}
	screens := []ui.Screen{
		ui.Page("GET "+SignPath, healthCheck, d.signForm),
		ui.Page("POST "+SignPath, healthCheck, d.signIn),
		ui.Page("POST /ui/sign-out", healthCheck, d.signOut),
	}
	if d.provider != nil {
		screens = append(screens, ui.Page("GET "+providerPath, healthCheck, d.toProvider), ui.Page("GET "+CallbackPath, healthCheck, d.fromProvider))
	}
	return screens
}

// toSignIn leads who is not known to where he can sign in, and from there back.
func (d *Dashboard) toSignIn(v *ui.View, w http.ResponseWriter, r *http.Request) {
	to := SignPath + "?back=" + url.QueryEscape(v.Path)
	if v.Partial { // htmx would put the page into a part of the one that is there
		w.Header().Set("Hx-Redirect", to)
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}

func (d *Dashboard) signForm(v *ui.View, w http.ResponseWriter, r *http.Request) {
	d.Render(v, w, r, http.StatusOK, v.T("sign_in_title"), signPart(v, d.formOf(localPath(r.URL.Query().Get("back")), "")))
}

// signIn begins a session with a key.
func (d *Dashboard) signIn(v *ui.View, w http.ResponseWriter, r *http.Request) {
	key, back := strings.TrimSpace(r.PostForm.Get("key")), localPath(r.PostForm.Get("back"))
	ctx, err := d.Gate.Identify(r.Context(), "Bearer "+key)
	if apierr.ReasonOf(err) == futurisysv1.ErrorReason_ERROR_REASON_UNAVAILABLE { // whether it is a key is not known
		d.Fail(v, w, r, ui.Persistence, err)
		return
	}
	if err != nil || access.From(ctx) == nil {
		d.Render(v, w, r, http.StatusUnauthorized, v.T("sign_in_title"), signPart(v, d.formOf(back, v.T("sign_in_refused"))))
		return
	}
	if err := d.sessions.Begin(w, r, session.Begun{Credential: key}); err != nil {
		d.Fail(v, w, r, "", err)
		return
	}
	d.happened.Note(ctx, audit.SignIn)
	http.Redirect(w, r, back, http.StatusSeeOther) //nolint:gosec // see localPath
}

// toProvider sends a browser to the provider.
func (d *Dashboard) toProvider(v *ui.View, w http.ResponseWriter, r *http.Request) {
	back := localPath(r.URL.Query().Get("back"))
	if err := d.provider.Begin(w, r, back); err != nil {
		d.notSignedIn(v, w, r, back, err)
	}
}

// fromProvider begins a session of whom the provider has sent back.
func (d *Dashboard) fromProvider(v *ui.View, w http.ResponseWriter, r *http.Request) {
	person, back, err := d.provider.End(w, r)
	if err != nil {
		d.notSignedIn(v, w, r, localPath(back), err)
		return
	}
	if err := d.sessions.Begin(w, r, session.Begun{Person: person}); err != nil {
		d.Fail(v, w, r, "", err)
		return
	}
	d.happened.Note(access.Of(r.Context(), &person.Principal), audit.SignIn)
	http.Redirect(w, r, localPath(back), http.StatusSeeOther) //nolint:gosec // see localPath
}

// notSignedIn says that the provider did not let somebody in, or does not answer.
func (d *Dashboard) notSignedIn(v *ui.View, w http.ResponseWriter, r *http.Request, back string, err error) {
	d.Log.WarnContext(r.Context(), "sign-in by the provider failed", "error", err)
	code, problem := http.StatusForbidden, v.T("sign_in_provider_refused")
	if errors.Is(err, openid.ErrUnavailable) {
		code, problem = http.StatusServiceUnavailable, v.T("sign_in_provider_unavailable")
	}
	d.Render(v, w, r, code, v.T("sign_in_title"), signPart(v, d.formOf(back, problem)))
}

func (d *Dashboard) signOut(_ *ui.View, w http.ResponseWriter, r *http.Request) {
	begun, to := d.sessions.Of(r), ""
	if access.From(r.Context()) != nil {
		d.happened.Note(r.Context(), audit.SignOut)
	}
	d.sessions.End(w, r)
	if begun.Person != nil && d.provider != nil {
		to = d.provider.SignOut(r.Context(), begun.Person)
	}
	http.Redirect(w, r, cmp.Or(to, SignPath), http.StatusSeeOther)
}

// signing is what the form of signing in shows.
type signing struct {
	Back     string
	Problem  string // why nobody is signed in; "": nobody tried
	Provider string // where one can sign in by the provider; "": there is none
}

func (d *Dashboard) formOf(back, problem string) signing {
	out := signing{Back: back, Problem: problem}
	if d.provider != nil {
		out.Provider = providerPath + "?back=" + url.QueryEscape(back)
	}
	return out
}
