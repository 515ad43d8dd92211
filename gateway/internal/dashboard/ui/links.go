package ui

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/a-h/templ"
)

// To is the address of a page.
func To(format string, args ...any) templ.SafeURL {
	for i, arg := range args {
		if text, ok := arg.(string); ok {
			args[i] = url.PathEscape(text)
		}
	}
	return templ.SafeURL(Prefix + fmt.Sprintf(format, args...))
}

// With is the address of a page with a question.
func With(path string, query url.Values) templ.SafeURL {
	if len(query) == 0 {
		return templ.SafeURL(Prefix + path)
	}
	return templ.SafeURL(Prefix + path + "?" + query.Encode())
}

// Filters are the named parameters of a question that are not empty.
func Filters(query url.Values, names ...string) url.Values {
	out := url.Values{}
	for _, name := range names {
		if value := query.Get(name); value != "" {
			out.Set(name, value)
		}
	}
	return out
}

// unknownParameter is a parameter of a question that is none of those named; "": there is
// none. A filter passed over would make a file of other people than was asked.
func unknownParameter(query url.Values, names ...string) string {
	for name := range query {
		if !slices.Contains(names, name) {
			return name
		}
	}
	return ""
}

// Set is a copy of a question with one parameter changed; empty: without it.
func Set(query url.Values, name, value string) url.Values {
	out := url.Values{}
	maps.Copy(out, query)
	out.Del(name)
	if value != "" {
		out.Set(name, value)
	}
	return out
}

func aliveURL(f Failure) string {
	return Prefix + "alive?" + url.Values{"service": {f.Service}, "reload": {strconv.FormatBool(f.Reload)}}.Encode()
}

// NextPage is the address of a list's next page, "" on the last one.
func NextPage(path string, query url.Values, token string) templ.SafeURL {
	if token == "" {
		return ""
	}
	return With(path, Set(query, "page_token", token))
}

// Plain shows a value as it is.
func Plain(value string) string { return value }

// Query is a question of pairs.
func Query(pairs ...string) url.Values {
	out := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		out.Set(pairs[i], pairs[i+1])
	}
	return out
}

// Redirect makes the browser go to a page, whoever asked.
func Redirect(v *View, w http.ResponseWriter, r *http.Request, page templ.SafeURL) {
	if v.Partial {
		w.Header().Set("Hx-Redirect", string(page))
		return
	}
	http.Redirect(w, r, string(page), http.StatusSeeOther)
}
