package dashboard

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/a-h/templ"

	"github.com/futurisys/futurisys/gateway/internal/dashboard/texts"
	"github.com/futurisys/futurisys/gateway/internal/middleware"
)

// Names of the cookies that keep what a person chose.
const (
	languageCookie = "language"
	themeCookie    = "theme"
)

// view is what every page knows of its request.
type view struct {
	*texts.Language

	Theme    string // "light", "dark", or "": the system's
	Path     string // of the page, with its query
	Section  string // of the navigation
	Database bool
	Partial  bool // htmx asks for a part of the page
	Failures []failure
	assets   map[string]string
}

// withView makes the view of a request.
func (d *Dashboard) withView(handle func(*view, http.ResponseWriter, *http.Request)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v := &view{
			Language: d.texts.Choose(cookie(r, languageCookie), r.Header.Get("Accept-Language")),
			Theme:    cookie(r, themeCookie), Path: r.URL.RequestURI(), Section: section(r.URL.Path),
			Database: d.hasDatabase(), assets: d.assets,
			Partial: r.Header.Get("Hx-Request") == "true" && r.Header.Get("Hx-History-Restore-Request") != "true",
		}
		if v.Theme != "light" && v.Theme != "dark" {
			v.Theme = ""
		}
		if r.Method != http.MethodGet {
			v.Path = Prefix + v.Section
		}
		w.Header().Add("Vary", "Accept-Language, Cookie, HX-Request")
		if err := parseForm(r); err != nil {
			d.refuse(v, w, r, http.StatusBadRequest, v.T("error_form"))
			return
		}
		handle(v, w, r)
	})
}

func cookie(r *http.Request, name string) string {
	found, err := r.Cookie(name)
	if err != nil {
		return ""
	}
	return found.Value
}

// section is the part of the navigation that a path belongs to.
func section(path string) string {
	first, _, _ := strings.Cut(strings.TrimPrefix(path, Prefix), "/")
	switch first {
	case "batches", "predictions":
		return "history"
	}
	return first
}

// Asset is the address of a static file.
func (v *view) Asset(name string) string { return v.assets[name] }

// Sections are the parts of the navigation.
func (v *view) Sections() []string {
	if !v.Database {
		return []string{"simulate", "batch", "model"}
	}
	return []string{"employees", "simulate", "batch", "import", "history", "model", "health"}
}

// render writes a page, or only its part where htmx asks for that.
func (d *Dashboard) render(v *view, w http.ResponseWriter, r *http.Request, status int, title string, part templ.Component) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	if !v.Partial {
		part = layout(v, title, part)
	}
	if err := part.Render(r.Context(), w); err != nil {
		d.log.DebugContext(r.Context(), "write a page", "error", err) // the reader went away
	}
}

func (d *Dashboard) home(v *view, w http.ResponseWriter, r *http.Request) {
	http.Redirect(w, r, Prefix+v.Sections()[0], http.StatusSeeOther)
}

func (d *Dashboard) notFound(v *view, w http.ResponseWriter, r *http.Request) {
	d.render(v, w, r, http.StatusNotFound, v.T("not_found_title"), notFoundPart(v))
}

// errNotText says that a form has something that is no text.
var errNotText = errors.New("the form is not UTF-8 text")

// parseForm reads a form, and refuses what is not clean text: inside it would fail as if
// it were our fault.
func parseForm(r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return err //nolint:wrapcheck // it is only told from none
	}
	for name, values := range r.PostForm {
		if !middleware.IsText(name + strings.Join(values, "")) {
			return errNotText
		}
	}
	return nil
}

// changeSettings keeps the chosen language or theme in a cookie, and goes back.
func (*Dashboard) changeSettings(_ *view, w http.ResponseWriter, r *http.Request) {
	for _, name := range []string{languageCookie, themeCookie} {
		if !r.PostForm.Has(name) {
			continue
		}
		const year = 365 * 24 * 60 * 60
		http.SetCookie(w, &http.Cookie{
			Name: name, Value: url.QueryEscape(r.PostForm.Get(name)), Path: Prefix, MaxAge: year,
			HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https",
		})
	}
	http.Redirect(w, r, localPath(r.PostForm.Get("back")), http.StatusSeeOther)
}

// localPath is a path of the dashboard's own, whatever is asked for.
func localPath(asked string) string {
	parsed, err := url.Parse(asked)
	if err != nil || parsed.IsAbs() || parsed.Host != "" || !strings.HasPrefix(parsed.Path, Prefix) || strings.Contains(asked, "\\") {
		return Prefix
	}
	return asked
}
