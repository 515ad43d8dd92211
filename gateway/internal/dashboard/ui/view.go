package ui

import (
	"errors"
	"net/http"
	"strings"

	"github.com/futurisys/futurisys/gateway/internal/dashboard/texts"
	"github.com/futurisys/futurisys/gateway/internal/middleware"
)

// Names of the cookies that keep what a person chose.
const (
	LanguageCookie = "language"
	ThemeCookie    = "theme"
)

// View is what every page knows of its request.
type View struct {
	*texts.Language

	Theme    string // "light", "dark", or "": the system's
	Path     string // of the page, with its query
	Section  string // of the navigation
	Database bool
	Partial  bool // htmx asks for a part of the page
	Failures []Failure
	assets   map[string]string
}

// View makes the view of a request.
func (site *Site) View(handle func(*View, http.ResponseWriter, *http.Request)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v := &View{
			Language: site.Texts.Choose(cookie(r, LanguageCookie), r.Header.Get("Accept-Language")),
			Theme:    cookie(r, ThemeCookie), Path: r.URL.RequestURI(), Section: section(r.URL.Path),
			Database: site.HasDatabase(), assets: site.Assets,
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
			site.Refuse(v, w, r, http.StatusBadRequest, v.T("error_form"))
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
func (v *View) Asset(name string) string { return v.assets[name] }

// Sections are the parts of the navigation.
func (v *View) Sections() []string {
	if !v.Database {
		return []string{"simulate", "batch", "model"}
	}
	return []string{"employees", "simulate", "batch", "import", "history", "model", "health"}
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
