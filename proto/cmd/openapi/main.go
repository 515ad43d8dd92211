// Command openapi finishes the OpenAPI document: it adds to what
// protoc-gen-openapiv3 knows the ranges of protovalidate, the errors that each
// operation answers, and the import, which is not grpc-gateway's.
//
// Usage: openapi MERGED.json > futurisys.openapi.json
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/futurisys/futurisys/proto/policy"
)

// object is a JSON object.
type object = map[string]any

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "openapi:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("one merged document is needed, not %d", len(args))
	}
	raw, err := os.ReadFile(args[0])
	if err != nil {
		return fmt.Errorf("read the merged document: %w", err)
	}
	var document object
	if err := json.Unmarshal(raw, &document); err != nil {
		return fmt.Errorf("read the merged document: %w", err)
	}
	if err := finish(document); err != nil {
		return err
	}
	out := json.NewEncoder(os.Stdout)
	out.SetIndent("", "  ")
	out.SetEscapeHTML(false)
	if err := out.Encode(document); err != nil {
		return fmt.Errorf("write the document: %w", err)
	}
	return nil
}

// finish adds all that the generator does not know.
func finish(document object) error {
	document["info"] = object{
		"title":       "Futurisys",
		"version":     "1",
		"description": "Which employees may leave: scores of a trained model, on record.\n\nErrors are google.rpc.Status in JSON. Their ErrorInfo has a reason of the domain futurisys, and for a request that is not right BadRequest lists every field that is wrong.",
		"license":     object{"name": "Apache-2.0", "identifier": "Apache-2.0"},
	}
	// Where AUTH is off, nobody needs a key.
	document["security"] = []any{object{"key": []any{}}, object{}}
	child(document, "components")["securitySchemes"] = object{"key": object{
		"type": "http", "scheme": "bearer", "description": "A key, fsk_..., where callers must be known.",
	}}
	document["servers"] = []any{object{"url": "/", "description": "This gateway."}}
	if err := joinPaths(document, "/v1/employees/{employee.id}", "/v1/employees/{employee}"); err != nil {
		return err
	}
	if err := addRules(document); err != nil {
		return err
	}
	addImport(document)
	policies, err := policy.Load()
	if err != nil {
		return err //nolint:wrapcheck // it says all there is to say
	}
	if err := addIdempotencyKey(document, policies); err != nil {
		return err
	}
	if err := addErrors(document, policies); err != nil {
		return err
	}
	return rename(document)
}

// joinPaths moves the operations of one path to another that differs only in its
// parameter's name: OpenAPI holds them for the same.
func joinPaths(document object, from, to string) error {
	paths := child(document, "paths")
	source, okFrom := paths[from].(object)
	target, okTo := paths[to].(object)
	if !okFrom || !okTo {
		return fmt.Errorf("paths %s and %s are not both there", from, to)
	}
	for method, operation := range source {
		for _, parameter := range list(operation.(object), "parameters") {
			if parameter := parameter.(object); parameter["in"] == "path" {
				parameter["name"] = "employee"
			}
		}
		target[method] = operation
	}
	delete(paths, from)
	return nil
}

// child returns an object within an object, and makes it if it is not there.
func child(of object, key string) object {
	if found, ok := of[key].(object); ok {
		return found
	}
	made := object{}
	of[key] = made
	return made
}

func list(of object, key string) []any {
	found, _ := of[key].([]any)
	return found
}
