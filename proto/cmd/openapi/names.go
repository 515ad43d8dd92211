package main

import (
	"fmt"
	"slices"
	"strings"
)

// rename gives schemas and operations the names that clients are to have for them: Employee
// and listEmployees, not futurisys.v1.Employee and EmployeeService_ListEmployees. Bodies get
// names too, or each generator would make up its own.
func rename(document object) error {
	schemas := child(child(document, "components"), "schemas")
	for _, item := range child(document, "paths") {
		for _, one := range item.(object) {
			operation := one.(object)
			name := operationName(operation)
			if media, schema := jsonBody(operation); schema != nil && schema["$ref"] == nil {
				body := "futurisys.v1." + name + "Body"
				if schemas[body] != nil {
					return fmt.Errorf("there are two schemas %s", body)
				}
				schemas[body] = schema
				media["schema"] = object{"$ref": refPrefix + body}
			}
			operation["operationId"] = strings.ToLower(name[:1]) + name[1:]
		}
	}
	renamed := object{}
	for name, schema := range schemas {
		short := shortName(name)
		if renamed[short] != nil {
			return fmt.Errorf("there are two schemas %s", short)
		}
		renamed[short] = schema
	}
	child(document, "components")["schemas"] = renamed
	follow(document)
	return nil
}

const refPrefix = "#/components/schemas/"

// shortName is a schema's name without its package. That of an error would be taken for one
// of ours, and ListEmployeesResponse is what generators call what they make of an answer to
// listEmployees with its status.
func shortName(name string) string {
	if name == "google.rpc.Status" {
		return "Error"
	}
	name = strings.TrimPrefix(name, "futurisys.v1.")
	if method, ok := strings.CutSuffix(name, "Response"); ok {
		return method + "Result"
	}
	return name
}

// operationName is the method's, and of its second path By and what the path names.
func operationName(operation object) string {
	parts := strings.Split(operation["operationId"].(string), "_")
	name := parts[1]
	if len(parts) == 2 { //nolint:mnd // Service_Method
		return name
	}
	parameters := list(operation, "parameters")
	of := slices.IndexFunc(parameters, func(one any) bool { return one.(object)["in"] == "path" })
	by := parameters[of].(object)["name"].(string)
	return name + "By" + strings.ToUpper(by[:1]) + by[1:]
}

// follow lets all references follow the new names.
func follow(node any) {
	switch node := node.(type) {
	case object:
		if ref, ok := node["$ref"].(string); ok && strings.HasPrefix(ref, refPrefix) {
			node["$ref"] = refPrefix + shortName(strings.TrimPrefix(ref, refPrefix))
		}
		for _, value := range node {
			follow(value)
		}
	case []any:
		for value := range slices.Values(node) {
			follow(value)
		}
	}
}

// jsonBody is what an operation takes as JSON, and its schema; nil: it takes none.
func jsonBody(operation object) (media, schema object) {
	body, _ := operation["requestBody"].(object)
	content, _ := body["content"].(object)
	media, _ = content["application/json"].(object)
	schema, _ = media["schema"].(object)
	return media, schema
}
