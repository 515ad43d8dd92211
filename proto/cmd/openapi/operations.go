package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/futurisys/futurisys/proto/catalogue"
	"github.com/futurisys/futurisys/proto/policy"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// statusSchema is google.rpc.Status as the gateway writes it.
func statusSchema() object {
	return object{
		"type":        "object",
		"description": "An error, as google.rpc.Status.",
		"required":    []any{"code", "message", "details"},
		"properties": object{
			"code":    object{"type": "integer", "format": "int32", "description": "A google.rpc.Code."},
			"message": object{"type": "string", "description": "What is wrong, in English."},
			"details": object{
				"type":        "array",
				"description": "google.rpc.ErrorInfo always; google.rpc.BadRequest when fields are wrong; google.rpc.RetryInfo when trying again may help.",
				"items": object{
					"type":       "object",
					"required":   []any{"@type"},
					"properties": object{"@type": object{"type": "string"}},
				},
			},
		},
	}
}

// failures are the errors by HTTP code.
func failures() map[string]string {
	return map[string]string{
		"400": "The request is not right: BadRequest lists every field that is wrong.",
		"401": "A valid credential is required.",
		"403": "The caller may not do this, or a browser sent it on behalf of another site's page.",
		"404": "Not found.",
		"409": "It already exists, or is in a state that does not allow this.",
		"412": "The record changed since it was read.",
		"413": "Request body too large.",
		"415": "Unsupported media type.",
		"500": "Internal error; the log says more.",
		"503": "Something that the call needs is temporarily unavailable; Retry-After says when to try again.",
		"504": "Deadline exceeded.",
	}
}

// addErrors lists with each operation the errors that it can answer.
func addErrors(document object, policies policy.Policies) error {
	components := child(document, "components")
	child(components, "schemas")["google.rpc.Status"] = statusSchema()
	responses := child(components, "responses")
	for code, text := range failures() {
		response := object{
			"description": text,
			"content":     object{"application/json": object{"schema": object{"$ref": "#/components/schemas/google.rpc.Status"}}},
		}
		if code == "503" {
			response["headers"] = object{"Retry-After": object{
				"description": "Seconds until trying again may help.", "schema": object{"type": "integer", "minimum": 1},
			}}
		}
		if code == "401" {
			response["headers"] = object{"WWW-Authenticate": object{"description": "How to send one.", "schema": object{"type": "string"}}}
		}
		responses["Error"+code] = response
	}
	for _, item := range child(document, "paths") {
		for _, one := range item.(object) {
			operation := one.(object)
			method, err := policyOf(policies, operation)
			if err != nil {
				return err
			}
			for _, code := range codesOf(operation, method) {
				child(operation, "responses")[code] = object{"$ref": "#/components/responses/Error" + code}
			}
		}
	}
	return nil
}

// codesOf are the HTTP codes of an operation's errors: those of any call, those of a body,
// and those that its method's policy lists.
func codesOf(operation object, method *futurisysv1.Policy) []string {
	codes := []string{"400", "401", "403", "500", "503", "504"}
	if operation["requestBody"] != nil {
		codes = append(codes, "413", "415")
	}
	for _, reason := range method.GetErrors() {
		codes = append(codes, strconv.Itoa(int(catalogue.Code(reason).GetHttp())))
	}
	slices.Sort(codes)
	return slices.Compact(codes)
}

// policyOf is the policy of the method that an operation is of, by its id.
func policyOf(policies policy.Policies, operation object) (*futurisysv1.Policy, error) {
	// Service_Method, and Service_Method_1 of the method's second path.
	parts := strings.Split(operation["operationId"].(string), "_")
	found, ok := policies["/futurisys.v1."+parts[0]+"/"+parts[1]]
	if !ok {
		return nil, fmt.Errorf("no policy for the operation %s", operation["operationId"])
	}
	return found, nil
}

// addIdempotencyKey describes the header that says what request_id says.
func addIdempotencyKey(document object, policies policy.Policies) error {
	for _, item := range child(document, "paths") {
		for _, one := range item.(object) {
			operation := one.(object)
			method, err := policyOf(policies, operation)
			if err != nil {
				return err
			}
			if !method.GetRetryByRequestId() {
				continue
			}
			parameters, _ := operation["parameters"].([]any)
			operation["parameters"] = append(parameters, object{
				"name": "Idempotency-Key", "in": "header", "schema": object{"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[!-~]+$"},
				"description": "The same as requestId, which must be empty or the same.",
			})
		}
	}
	return nil
}

// addImport describes the upload of an import.
func addImport(document object) {
	file := func(what string) object {
		return object{"type": "string", "format": "binary", "description": what}
	}
	form := object{
		"type": "object",
		"properties": object{
			"joined":          file("One file with all columns, keyed by id_employee. Comes alone."),
			"extrait_sirh":    file("The extract of the HR system, keyed by id_employee."),
			"extrait_eval":    file("The extract of the yearly reviews, keyed by eval_number."),
			"extrait_sondage": file("The extract of the survey, keyed by code_sondage."),
		},
		"additionalProperties": false,
	}
	schemas := child(child(document, "components"), "schemas")
	schemas["futurisys.v1.ImportReport"], schemas["futurisys.v1.ImportProblem"], schemas["futurisys.v1.IgnoredColumn"], schemas["futurisys.v1.CategoryCount"] = importSchemas()
	child(document, "paths")["/v1/employees:import"] = object{"post": object{
		"tags":        []any{"EmployeeService"},
		"operationId": "EmployeeService_ImportEmployees",
		"summary":     "Put employees on record from files.",
		"description": "The three extracts of HR, joined by id, or one joined file, as spreadsheets save them: CSV in UTF-8 or UTF-16 with comma, semicolon or tab, or xlsx; a header line, 64 MiB together. Columns that none of ours is called are left out and named. Employees on record are changed, others are added; all rows or none. What is wrong is said by file, line and column.",
		"parameters": []any{object{
			"name": "validateOnly", "in": "query", "schema": object{"type": "boolean"},
			"description": "Check and report, change nothing.",
		}},
		"requestBody": object{"required": true, "content": object{"multipart/form-data": object{"schema": form}}},
		"responses": object{"200": object{
			"description": "What came of it.",
			"content":     object{"application/json": object{"schema": object{"$ref": "#/components/schemas/futurisys.v1.ImportReport"}}},
		}},
	}}
}

// importSchemas are the report, its problems and its columns, as ImportEmployees answers them
// over gRPC.
func importSchemas() (report, problem, column, category object) {
	count := func(what string) object {
		return object{"type": "integer", "format": "int32", "minimum": 0, "description": what}
	}
	list := func(of, what string) object {
		return object{"type": "array", "items": object{"$ref": "#/components/schemas/futurisys.v1." + of}, "description": what}
	}
	kinds := make([]any, 0, 5)
	for _, kind := range []string{"UNSPECIFIED", "JOINED", "SIRH", "EVAL", "SONDAGE"} {
		kinds = append(kinds, "IMPORT_FILE_KIND_"+kind)
	}
	problem = object{
		"type": "object", "description": "Something wrong with a file of an import.", "additionalProperties": false,
		"properties": object{
			"kind":      object{"type": "string", "enum": kinds, "description": "Which file."},
			"line":      count("The first line that has it, from 1 (the header); 0: the file as a whole."),
			"violation": object{"$ref": "#/components/schemas/futurisys.v1.Violation"},
			"lines":     object{"type": "array", "items": count("A line."), "description": "The lines that have it, the first ten."},
			"lineCount": count("How many lines have it."),
		},
	}
	column = object{
		"type": "object", "description": "A column of a file that is not used.", "additionalProperties": false,
		"properties": object{
			"kind": object{"type": "string", "enum": kinds, "description": "Which file."},
			"name": object{"type": "string", "description": "Its name, as the header spells it."},
		},
	}
	category = object{
		"type": "object", "description": "How often a value stands in the files of an import.", "additionalProperties": false,
		"properties": object{
			"field": object{"type": "string", "description": "A field of EmployeeProfile."},
			"value": object{"type": "string", "description": "Its value."},
			"count": count("How many employees have it."),
		},
	}
	report = object{
		"type": "object", "description": "What came of an import.", "additionalProperties": false,
		"properties": object{
			"employeeCount":         count("Employees in the files."),
			"createdCount":          count("How many are added."),
			"updatedCount":          count("How many are changed."),
			"unchangedCount":        count("How many are on record just so already."),
			"validateOnly":          object{"type": "boolean", "description": "Whether this is only what would be done."},
			"problems":              list("ImportProblem", "What is wrong with the files, the first 100 different problems. Only with validateOnly."),
			"problemCount":          count("In how many lines something is wrong, each problem for itself."),
			"problemCountIsMinimum": object{"type": "boolean", "description": "Whether there may be more: reading ends at the hundredth different problem."},
			"ignoredColumns":        list("IgnoredColumn", "The columns that are not used, because none of ours has such a name."),
			"categories":            list("CategoryCount", "The values that the fields of categories have in the files, at most 100 of each field, the most frequent first."),
			"warnings":              list("Violation", "What is no problem of the files, and will be one of scoring: values that a version which serves does not know."),
		},
	}
	return report, problem, column, category
}
