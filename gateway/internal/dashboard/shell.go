package dashboard

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"google.golang.org/grpc/health/grpc_health_v1"

	"github.com/futurisys/futurisys/gateway/internal/dashboard/ui"
)

// healthCheck is the method whose policy screens without data have: anybody may see them.
const healthCheck = "/grpc.health.v1.Health/Check"

// shell are the screens around the others.
func (d *Dashboard) shell() []ui.Screen {
	return []ui.Screen{
		ui.Page("GET /ui/{$}", healthCheck, d.home),
		ui.Page("POST /ui/settings", healthCheck, d.changeSettings),
		ui.Page("GET /ui/alive", healthCheck, d.alive),
		ui.Page(Prefix, healthCheck, d.NotFound),
		ui.Page("GET /ui/static/{$}", healthCheck, d.NotFound), // no list of files
	}
}

// aliveTimeout bounds how long a service is waited for.
const aliveTimeout = time.Second

// alive answers a page that watches for a service's return: again the failure while it
// is away; then the page is loaded again, or says that it can be tried again.
func (d *Dashboard) alive(v *ui.View, w http.ResponseWriter, r *http.Request) {
	service, reload := r.URL.Query().Get("service"), r.URL.Query().Get("reload") == "true"
	client, known := d.health[service]
	if !known {
		d.NotFound(v, w, r)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), aliveTimeout)
	defer cancel()
	answer, err := client.Check(ctx, &grpc_health_v1.HealthCheckRequest{})
	if err != nil || answer.GetStatus() != grpc_health_v1.HealthCheckResponse_SERVING {
		w.WriteHeader(http.StatusNoContent) // htmx leaves the page as it is
		return
	}
	if reload {
		w.Header().Set("Hx-Refresh", "true")
	}
	v.Partial = true
	d.Render(v, w, r, http.StatusOK, "", ui.BackPart(v))
}

func (d *Dashboard) home(v *ui.View, w http.ResponseWriter, r *http.Request) {
	sections := v.Sections()
	switch {
	case len(sections) > 0:
		http.Redirect(w, r, ui.Prefix+sections[0], http.StatusSeeOther)
	case v.Principal == nil:
		d.toSignIn(v, w, r)
	default: // he may see nothing
		d.NotFound(v, w, r)
	}
}

// changeSettings keeps the chosen language or theme in a cookie, and goes back.
func (*Dashboard) changeSettings(_ *ui.View, w http.ResponseWriter, r *http.Request) {
	for _, name := range []string{ui.LanguageCookie, ui.ThemeCookie} {
		if !r.PostForm.Has(name) {
			continue
		}
		const year = 365 * 24 * 60 * 60
		http.SetCookie(w, &http.Cookie{ //nolint:gosec // Secure where there is HTTPS
			Name: name, Value: url.QueryEscape(r.PostForm.Get(name)), Path: ui.Prefix, MaxAge: year,
			HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https",
		})
	}
	http.Redirect(w, r, localPath(r.PostForm.Get("back")), http.StatusSeeOther) //nolint:gosec // see localPath
}

// localPath is a path of the dashboard's own, whatever is asked for.
func localPath(asked string) string {
	parsed, err := url.Parse(asked)
	if err != nil || parsed.IsAbs() || parsed.Host != "" || !strings.HasPrefix(parsed.Path, ui.Prefix) || parsed.Path == SignPath || strings.Contains(asked, "\\") {
		return ui.Prefix
	}
	return asked
}
