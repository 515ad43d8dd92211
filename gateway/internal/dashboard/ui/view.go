package ui

import (
	"net/http"
	"slices"
	"strings"

	"github.com/futurisys/futurisys/gateway/internal/dashboard/texts"
	"github.com/futurisys/futurisys/gateway/internal/middleware"
	"github.com/futurisys/futurisys/services/platform/access"
	"github.com/futurisys/futurisys/services/platform/apierr"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
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
	// Principal is who reads; nil: nobody is known. SignIn says that he must be.
	Principal *access.Principal
	SignIn    bool
	assets    map[string]string
	may       func(method string) bool
}

// May says whether the reader may call a method: what he may not is not shown to him.
func (v *View) May(method string) bool { return v.may == nil || v.may(method) }

// View gives a handler the view of its request, whose form is read and in order.
func (site *Site) View(handle func(*View, http.ResponseWriter, *http.Request)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v := site.NewView(r)
		w.Header().Add("Vary", "Accept-Language, Cookie, HX-Request")
		if err := parseForm(r); err != nil {
			site.Fail(v, w, r, "", err)
			return
		}
		handle(v, w, r)
	})
}

// NewView makes the view of a request.
func (site *Site) NewView(r *http.Request) *View {
	v := &View{
		Language: site.Texts.Choose(cookie(r, LanguageCookie), r.Header.Get("Accept-Language")),
		Theme:    cookie(r, ThemeCookie), Path: r.URL.RequestURI(), Section: section(r.URL.Path),
		Database: site.HasDatabase(), assets: site.Assets,
		Principal: access.From(r.Context()), SignIn: !site.Gate.Open(),
		may: func(method string) bool {
			return site.Gate.Allow(r.Context(), site.Policies[method].GetPermission()) == nil
		},
		Partial: r.Header.Get("Hx-Request") == "true" && r.Header.Get("Hx-History-Restore-Request") != "true",
	}
	if v.Theme != "light" && v.Theme != "dark" {
		v.Theme = ""
	}
	if r.Method != http.MethodGet {
		v.Path = Prefix + v.Section
	}
	return v
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

// Sections are the parts of the navigation that the reader may see.
func (v *View) Sections() []string {
	var out []string
	for _, section := range []struct {
		name, method string
		database     bool
	}{
		{"employees", futurisysv1.EmployeeService_ListEmployees_FullMethodName, true},
		{"simulate", futurisysv1.PredictionService_Predict_FullMethodName, false},
		{"batch", futurisysv1.PredictionService_BatchPredict_FullMethodName, false},
		{"import", futurisysv1.EmployeeService_ImportEmployees_FullMethodName, true},
		{"history", futurisysv1.PredictionHistoryService_ListPredictions_FullMethodName, true},
		{"model", futurisysv1.ModelService_GetModel_FullMethodName, false},
		{"access", futurisysv1.AccessService_ListKeys_FullMethodName, true},
		{"audit", futurisysv1.AuditService_ListAuditEvents_FullMethodName, true},
		{"erase", futurisysv1.EmployeeService_EraseEmployee_FullMethodName, true},
		{"health", futurisysv1.StatusService_GetStatus_FullMethodName, true},
	} {
		// Where nobody is known there is no administrator whose business these are.
		ofAdministrators := slices.Contains([]string{"access", "audit", "erase"}, section.name)
		if (v.Database || !section.database) && v.May(section.method) && (v.may != nil || !ofAdministrators) {
			out = append(out, section.name)
		}
	}
	return out
}

// maxParameters is how many fields net/url reads of a form.
const maxParameters = 10_000

// manyTimes are the fields of forms that may be sent more than once: ticks.
var manyTimes = []string{"id"}

// parseForm reads a form, and refuses what no page of ours sends: what is not clean text
// would fail inside as if it were our fault, and of a field that is sent twice, one value
// would be taken in silence.
func parseForm(r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		if unread := middleware.Unread(err); unread != nil {
			return unread
		}
		if strings.Contains(err.Error(), "parameters exceeded limit") { // net/url says so only in words
			return apierr.InvalidArgument(futurisysv1.ViolationReason_VIOLATION_REASON_TOO_MANY_ITEMS, "form", "max", maxParameters)
		}
		return apierr.InvalidArgument(futurisysv1.ViolationReason_VIOLATION_REASON_MALFORMED, "form", "cause", err.Error())
	}
	for name, values := range r.PostForm {
		switch {
		case !middleware.IsText(name + strings.Join(values, "")):
			return apierr.InvalidArgument(futurisysv1.ViolationReason_VIOLATION_REASON_NOT_UTF8, "form")
		case len(values) > 1 && !slices.Contains(manyTimes, name):
			return apierr.InvalidArgument(futurisysv1.ViolationReason_VIOLATION_REASON_REPEATED, name)
		}
	}
	return nil
}
