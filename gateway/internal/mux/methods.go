package mux

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/futurisys/futurisys/proto/gen/openapi"
)

// methods knows which methods each path takes, from the OpenAPI document: an
// answer 405 must name them (RFC 9110), and grpc-gateway does not tell.
type methods []route

type route struct {
	path    *regexp.Regexp
	methods []string
}

var pathParameter = regexp.MustCompile(`\\\{[^}]*\\\}`)

func readMethods() (methods, error) {
	var document struct {
		Paths map[string]map[string]any `json:"paths"`
	}
	if err := json.Unmarshal(openapi.Document, &document); err != nil {
		return nil, fmt.Errorf("read the OpenAPI document: %w", err)
	}
	var out methods
	for _, template := range slices.Sorted(maps.Keys(document.Paths)) {
		path, err := regexp.Compile("^" + pathParameter.ReplaceAllString(regexp.QuoteMeta(template), "[^/:]+") + "$")
		if err != nil {
			return nil, fmt.Errorf("read the path %s: %w", template, err)
		}
		names := slices.Sorted(maps.Keys(document.Paths[template]))
		for i := range names {
			names[i] = strings.ToUpper(names[i])
		}
		out = append(out, route{path, names})
	}
	return out, nil
}

// guardVerbs answers a method that a custom verb (...:load) does not take.
// grpc-gateway would take the verb for a part of the last parameter where another
// method has a route without it.
func (m methods) guardVerbs(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		verb := strings.Contains(r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:], ":")
		if !verb {
			next.ServeHTTP(w, r)
			return
		}
		if allowed := m.allow(r); allowed != "" && !slices.Contains(strings.Split(allowed, ", "), r.Method) {
			m.refuseMethod(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// allow is what the header Allow of an answer about this path says.
func (m methods) allow(r *http.Request) string {
	var found []string
	for _, route := range m {
		if route.path.MatchString(r.URL.Path) {
			found = append(found, route.methods...)
		}
	}
	slices.Sort(found)
	return strings.Join(slices.Compact(found), ", ")
}
