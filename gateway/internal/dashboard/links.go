package dashboard

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/a-h/templ"
)

// to is the address of a page.
func to(format string, args ...any) templ.SafeURL {
	for i, arg := range args {
		if text, ok := arg.(string); ok {
			args[i] = url.PathEscape(text)
		}
	}
	return templ.SafeURL(Prefix + fmt.Sprintf(format, args...))
}

// with is the address of a page with a question.
func with(path string, query url.Values) templ.SafeURL {
	if len(query) == 0 {
		return templ.SafeURL(Prefix + path)
	}
	return templ.SafeURL(Prefix + path + "?" + query.Encode())
}

// kept are the named parameters of a question that are not empty.
func kept(query url.Values, names ...string) url.Values {
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

// set is a copy of a question with one parameter changed; empty: without it.
func set(query url.Values, name, value string) url.Values {
	out := url.Values{}
	maps.Copy(out, query)
	out.Del(name)
	if value != "" {
		out.Set(name, value)
	}
	return out
}

func aliveURL(f failure) string {
	return Prefix + "alive?" + url.Values{"service": {f.Service}, "reload": {strconv.FormatBool(f.Reload)}}.Encode()
}

// nextOf is the address of a list's next page, "" on the last one.
func nextOf(path string, query url.Values, token string) templ.SafeURL {
	if token == "" {
		return ""
	}
	return with(path, set(query, "page_token", token))
}

// plain shows a value as it is.
func plain(value string) string { return value }

// orderKey is the key of an order's name.
func orderKey(order string) string { return "order_" + strings.ReplaceAll(order, " ", "_") }

// query is a question of pairs.
func query(pairs ...string) url.Values {
	out := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		out.Set(pairs[i], pairs[i+1])
	}
	return out
}
