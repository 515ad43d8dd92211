// Package routes knows which method of the API each path of the gateway serves, and with
// it that method's policy: from the contract's HTTP options, not from a list of its own.
package routes

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/futurisys/futurisys/proto/policy"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// Route is what one path and HTTP method serve.
type Route struct {
	// Pattern is the path with its parameters, such as /v1/models/{model}:predict.
	Pattern string
	Policy  *futurisysv1.Policy
	// Method is the method of the API; nil for a screen.
	Method protoreflect.MethodDescriptor
	// FullMethod is the method of the API that it is, or is a form of.
	FullMethod string
	// Body is the request's field that the body is, * for the whole; "": there is none.
	Body string
	// Form: the body is a browser's form, not JSON.
	Form bool
	// Unbounded: the answer goes on as long as there are rows, and sees to its own time.
	Unbounded bool
}

// Parameters yields the names and values of a path's parameters, such as employee.id and 7.
// The path is escaped, as Find reads it.
func (r Route) Parameters(path string) iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		path, pattern := strings.TrimPrefix(path, "/"), strings.TrimPrefix(r.Pattern, "/")
		for pattern != "" {
			var name, value string
			name, pattern, _ = strings.Cut(pattern, "/")
			value, path, _ = strings.Cut(path, "/")
			name, verb, hasVerb := strings.Cut(name, ":")
			if hasVerb {
				value = strings.TrimSuffix(value, ":"+verb)
			}
			if plain, err := url.PathUnescape(value); err == nil {
				value = plain
			}
			if strings.HasPrefix(name, "{") && !yield(strings.Trim(name, "{}"), value) {
				return
			}
		}
	}
}

// Binds says whether a field of the request comes from the path or the body.
func (r Route) Binds(field string) bool {
	return field == r.Body || strings.Contains(r.Pattern, "{"+field+"}")
}

// Table finds routes by path. It may be used by many goroutines at once.
type Table struct {
	root     node
	policies policy.Policies
}

// node is a place in the tree of path segments.
type node struct {
	literals  map[string]*node
	parameter *node
	// ends are the routes that end here, by custom verb ("" without one) and HTTP method.
	ends map[string]map[string]Route
}

// New returns the table of all HTTP options of the contract.
func New(policies policy.Policies) (*Table, error) {
	table := &Table{policies: policies}
	for _, service := range services() {
		for i := range service.Methods().Len() {
			method := service.Methods().Get(i)
			rule, _ := proto.GetExtension(method.Options(), annotations.E_Http).(*annotations.HttpRule)
			for _, binding := range append([]*annotations.HttpRule{rule}, rule.GetAdditionalBindings()...) {
				verb, path := pattern(binding)
				if path == "" {
					continue
				}
				if err := table.Add(verb+" "+path, policy.FullMethod(method), Route{Method: method, Body: binding.GetBody()}); err != nil {
					return nil, err
				}
			}
		}
	}
	return table, nil
}

// services are those that the gateway routes to.
func services() []protoreflect.ServiceDescriptor {
	return []protoreflect.ServiceDescriptor{
		futurisysv1.File_futurisys_v1_prediction_service_proto.Services().Get(0),
		futurisysv1.File_futurisys_v1_model_service_proto.Services().Get(0),
		futurisysv1.File_futurisys_v1_employee_service_proto.Services().Get(0),
		futurisysv1.File_futurisys_v1_prediction_history_service_proto.Services().Get(0),
		futurisysv1.File_futurisys_v1_access_service_proto.Services().Get(0),
		futurisysv1.File_futurisys_v1_audit_service_proto.Services().Get(0),
		futurisysv1.File_futurisys_v1_status_service_proto.Services().Get(0),
	}
}

func pattern(rule *annotations.HttpRule) (verb, path string) {
	switch kind := rule.GetPattern().(type) {
	case *annotations.HttpRule_Get:
		return http.MethodGet, kind.Get
	case *annotations.HttpRule_Post:
		return http.MethodPost, kind.Post
	case *annotations.HttpRule_Patch:
		return http.MethodPatch, kind.Patch
	case *annotations.HttpRule_Put:
		return http.MethodPut, kind.Put
	case *annotations.HttpRule_Delete:
		return http.MethodDelete, kind.Delete
	}
	return "", ""
}

// Add serves a method of the API at a place of its own, such as "POST /v1/employees:import".
func (t *Table) Add(at, fullMethod string, route Route) error {
	verb, path, _ := strings.Cut(at, " ")
	known, ok := t.policies[fullMethod]
	if !ok {
		return fmt.Errorf("route %s: no policy for %s", at, fullMethod)
	}
	route.Pattern, route.FullMethod, route.Policy = path, fullMethod, known
	place, last := &t.root, ""
	for segment := range strings.SplitSeq(strings.TrimPrefix(path, "/"), "/") {
		name, custom, _ := strings.Cut(segment, ":")
		last = custom
		if strings.HasPrefix(name, "{") {
			if place.parameter == nil {
				place.parameter = &node{}
			}
			place = place.parameter
			continue
		}
		if place.literals == nil {
			place.literals = map[string]*node{}
		}
		if place.literals[name] == nil {
			place.literals[name] = &node{}
		}
		place = place.literals[name]
	}
	if place.ends == nil {
		place.ends = map[string]map[string]Route{}
	}
	if place.ends[last] == nil {
		place.ends[last] = map[string]Route{}
	}
	place.ends[last][verb] = route
	return nil
}

// Find returns the route of a request. HEAD has that of GET. Paths are taken as they are
// escaped: a slash within a name parts nothing.
func (t *Table) Find(r *http.Request) (Route, bool) {
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	route, ok := t.root.find(strings.TrimPrefix(r.URL.EscapedPath(), "/"))[method]
	return route, ok
}

// Allow is what the header Allow of an answer about a path says; "": there is no such path.
func (t *Table) Allow(path string) string {
	methods := slices.Collect(maps.Keys(t.root.find(strings.TrimPrefix(path, "/"))))
	if slices.Contains(methods, http.MethodGet) {
		methods = append(methods, http.MethodHead)
	}
	slices.Sort(methods)
	return strings.Join(methods, ", ")
}

// NeedsDatabase says whether every method at a path needs a database.
func (t *Table) NeedsDatabase(path string) bool {
	found := t.root.find(strings.TrimPrefix(path, "/"))
	for _, route := range found {
		if !route.Policy.GetNeedsDatabase() {
			return false
		}
	}
	return len(found) > 0
}

// find returns the routes that end at a path below a node, by HTTP method. A literal goes
// before a parameter.
func (n *node) find(path string) map[string]Route {
	segment, rest, more := strings.Cut(path, "/")
	verb := ""
	if !more {
		if at := strings.LastIndexByte(segment, ':'); at >= 0 {
			segment, verb = segment[:at], segment[at+1:]
		}
	}
	plain, err := url.PathUnescape(segment)
	if err != nil || segment == "" || strings.Contains(segment, ":") {
		return nil
	}
	for _, next := range []*node{n.literals[plain], n.parameter} {
		if next == nil {
			continue
		}
		found := next.ends[verb]
		if more {
			found = next.find(rest)
		}
		if found != nil {
			return found
		}
	}
	return nil
}

type key struct{}

// With returns a context that carries a request's route.
func With(ctx context.Context, route Route) context.Context {
	return context.WithValue(ctx, key{}, route)
}

// From returns the route that a context carries; the second result is false for a path that
// is none of the API's.
func From(ctx context.Context) (Route, bool) {
	route, ok := ctx.Value(key{}).(Route)
	return route, ok
}
