package dashboard

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/futurisys/futurisys/gateway/internal/dashboard/ui"
	"github.com/futurisys/futurisys/services/platform/access"
	"github.com/futurisys/futurisys/services/platform/audit"
)

// signPath is where people sign in.
const signPath = ui.Prefix + "sign-in"

// signing are the screens by which people sign in and out; none where nobody must be known.
func (d *Dashboard) signing() []ui.Screen {
	if d.Gate.Open() {
		return nil
	}
	return []ui.Screen{
		ui.Page("GET "+signPath, healthCheck, d.signForm),
		ui.Page("POST "+signPath, healthCheck, d.signIn),
		ui.Page("POST /ui/sign-out", healthCheck, d.signOut),
	}
}

// toSignIn leads who is not known to where he can sign in, and from there back.
func (d *Dashboard) toSignIn(v *ui.View, w http.ResponseWriter, r *http.Request) {
	to := signPath + "?back=" + url.QueryEscape(v.Path)
	if v.Partial { // htmx would put the page into a part of the one that is there
		w.Header().Set("Hx-Redirect", to)
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}

func (d *Dashboard) signForm(v *ui.View, w http.ResponseWriter, r *http.Request) {
	d.Render(v, w, r, http.StatusOK, v.T("sign_in_title"), signPart(v, localPath(r.URL.Query().Get("back")), false))
}

// signIn begins a session with a key.
func (d *Dashboard) signIn(v *ui.View, w http.ResponseWriter, r *http.Request) {
	key, back := strings.TrimSpace(r.PostForm.Get("key")), localPath(r.PostForm.Get("back"))
	ctx, err := d.Gate.Identify(r.Context(), "Bearer "+key)
	if err != nil || access.From(ctx) == nil {
		d.Render(v, w, r, http.StatusUnauthorized, v.T("sign_in_title"), signPart(v, back, true))
		return
	}
	if err := d.sessions.Begin(w, r, key); err != nil {
		d.Fail(v, w, r, "", err)
		return
	}
	d.happened.Note(ctx, audit.SignIn)
	http.Redirect(w, r, back, http.StatusSeeOther) //nolint:gosec // see localPath
}

func (d *Dashboard) signOut(_ *ui.View, w http.ResponseWriter, r *http.Request) {
	if access.From(r.Context()) != nil {
		d.happened.Note(r.Context(), audit.SignOut)
	}
	d.sessions.End(w, r)
	http.Redirect(w, r, signPath, http.StatusSeeOther)
}
