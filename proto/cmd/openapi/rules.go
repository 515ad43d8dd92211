package main

import (
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	// The files whose rules are read.
	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// addRules puts the ranges of the protos on schemas and parameters, and closes
// the schemas: the gateway refuses unknown fields.
func addRules(document object) error {
	schemas := child(child(document, "components"), "schemas")
	for name, schema := range schemas {
		if !strings.HasPrefix(name, "futurisys.") {
			continue
		}
		found, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(name))
		if err != nil {
			return fmt.Errorf("describe %s: %w", name, err)
		}
		if message, ok := found.(protoreflect.MessageDescriptor); ok {
			joinOneof(schema.(object))
			constrain(schema.(object), message)
		}
	}
	for path, item := range child(document, "paths") {
		for method, operation := range item.(object) {
			if err := constrainOperation(operation.(object)); err != nil {
				return fmt.Errorf("%s %s: %w", method, path, err)
			}
		}
	}
	return nil
}

// joinOneof writes the members of a oneof as fields of which one is there: of "oneOf" with
// "not" generators of clients make types that match several times, or lose the other fields.
func joinOneof(schema object) {
	var names []string
	for _, member := range list(schema, "oneOf") {
		for name, property := range child(member.(object), "properties") {
			if properties := child(schema, "properties"); properties[name] == nil {
				properties[name] = property
			}
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return
	}
	delete(schema, "oneOf")
	slices.Sort(names)
	schema["description"] = fmt.Sprint(schema["description"], " It has one of ", strings.Join(names, ", "), ", or none.")
}

// constrainOperation finds the request of an operation by its id, Service_Method.
func constrainOperation(operation object) error {
	service, method, _ := strings.Cut(operation["operationId"].(string), "_")
	method, _, _ = strings.Cut(method, "_") // additional bindings are numbered
	found, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName("futurisys.v1." + service))
	if err != nil {
		return fmt.Errorf("describe service %s: %w", service, err)
	}
	request := found.(protoreflect.ServiceDescriptor).Methods().ByName(protoreflect.Name(method)).Input()
	for _, one := range list(operation, "parameters") {
		parameter := one.(object)
		if field := fieldOf(request, parameter["name"].(string)); field != nil {
			merge(parameter["schema"].(object), ruleOf(field))
			if field.Kind() == protoreflect.Int64Kind { // as text: JavaScript has no such numbers
				parameter["schema"].(object)["pattern"] = "^[0-9]{1,18}$"
			}
		}
		if parameter["name"] == "updateMask" {
			parameter["schema"].(object)["pattern"] = maskPattern()
		}
		if parameter["in"] == "path" && request.Name() == "UpdateEmployeeRequest" {
			parameter["schema"].(object)["minimum"] = 1
		}
	}
	if hasEtag(request) {
		operation["parameters"] = append(list(operation, "parameters"), object{
			"name": "If-Match", "in": "header", "schema": object{"type": "string", "maxLength": 100},
			"description": "The same as etag, in quotes, as GET answers it in the header ETag.",
		})
	}
	content := child(child(child(operation, "requestBody"), "content"), "application/json")
	if schema, ok := content["schema"].(object); ok && schema["$ref"] == nil {
		constrain(schema, request)
	}
	if len(content) == 0 {
		delete(operation, "requestBody")
	}
	return nil
}

// hasEtag says whether a request says which state of a record it is about.
func hasEtag(request protoreflect.MessageDescriptor) bool {
	employee := request.Fields().ByName("employee")
	return fieldOf(request, "etag") != nil || employee != nil && employee.Message() != nil && strings.HasPrefix(string(request.Name()), "Update")
}

// maskPattern is that of the fields of an employee that an update may name.
func maskPattern() string {
	fields := (&futurisysv1.EmployeeProfile{}).ProtoReflect().Descriptor().Fields()
	names := append(make([]string, 0, fields.Len()), "id", "etag", "displayName", "profile")
	for i := range fields.Len() {
		names = append(names, `profile\.`+fields.Get(i).JSONName())
	}
	one := "(" + strings.Join(names, "|") + ")"
	return "^(" + one + "(," + one + ")*)?$"
}

func fieldOf(message protoreflect.MessageDescriptor, jsonName string) protoreflect.FieldDescriptor {
	return message.Fields().ByJSONName(jsonName)
}

// constrain puts the rules of a message's fields on the schema's properties.
func constrain(schema object, message protoreflect.MessageDescriptor) {
	schema["additionalProperties"] = false
	properties, _ := schema["properties"].(object)
	var required []string
	for name, property := range properties {
		field := fieldOf(message, name)
		if field == nil {
			continue
		}
		rules := ruleOf(field)
		merge(property.(object), rules)
		if isInput(message) && refusesEmpty(field, rules) {
			required = append(required, name)
		}
		if string(message.Name()) == "PredictRequest" && name == "profile" {
			required = append(required, name)
		}
		if isInput(message) && !slices.Contains(required, name) {
			properties[name] = nullable(property.(object))
		}
	}
	if len(required) > 0 {
		slices.Sort(required)
		schema["required"] = required
	}
}

// refusesEmpty says whether a field's rules do not allow that it is left out.
func refusesEmpty(field protoreflect.FieldDescriptor, rules object) bool {
	declared, _ := proto.GetExtension(field.Options(), validate.E_Field).(*validate.FieldRules)
	if field.HasPresence() && field.Message() == nil || declared.GetIgnore() == validate.Ignore_IGNORE_IF_ZERO_VALUE {
		return false
	}
	if text := declared.GetString(); text != nil && text.Pattern != nil && !regexp.MustCompile(text.GetPattern()).MatchString("") {
		return true
	}
	minimum, bounded := rules["minimum"].(int32)
	return declared.GetRequired() || rules["minItems"] != nil || rules["minLength"] != nil || bounded && minimum > 0
}

// isInput says whether callers send the message.
func isInput(message protoreflect.MessageDescriptor) bool {
	name := string(message.Name())
	return strings.HasSuffix(name, "Request") || strings.HasSuffix(name, "Options") || name == "Employee" || name == "EmployeeProfile"
}

// nullable lets a property be null, which is taken as absent; in an update it
// empties the field.
func nullable(property object) object {
	if reference, ok := property["$ref"]; ok {
		return object{
			"description": property["description"],
			"anyOf":       []any{object{"$ref": reference}, object{"type": "null"}},
		}
	}
	if kind, ok := property["type"].(string); ok {
		property["type"] = []any{kind, "null"}
	}
	return property
}

// ruleOf is the JSON schema of a field's protovalidate rules.
func ruleOf(field protoreflect.FieldDescriptor) object {
	rules, ok := proto.GetExtension(field.Options(), validate.E_Field).(*validate.FieldRules)
	out := object{}
	if field.Kind() == protoreflect.Int32Kind && !field.IsList() {
		out["minimum"], out["maximum"] = math.MinInt32, math.MaxInt32
	}
	if !ok || rules == nil {
		return out
	}
	addNumbers(out, rules)
	if text := rules.GetString(); text != nil {
		addText(out, text)
		if out["format"] == "uuid" && rules.GetIgnore() == validate.Ignore_IGNORE_IF_ZERO_VALUE {
			delete(out, "format") // empty is as good as absent
			out["pattern"] = `^([0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})?$`
		}
	}
	addItems(out, rules.GetRepeated())
	return out
}

func addItems(out object, repeated *validate.RepeatedRules) {
	if repeated == nil {
		return
	}
	if repeated.MinItems != nil {
		out["minItems"], out["maxItems"] = repeated.GetMinItems(), repeated.GetMaxItems()
	}
	if repeated.GetUnique() {
		out["uniqueItems"] = true
	}
	if item := repeated.GetItems().GetInt32(); item != nil {
		out["items"] = object{"type": "integer", "format": "int32", "minimum": item.GetGte(), "maximum": math.MaxInt32}
	}
	if item := repeated.GetItems().GetString(); item != nil {
		text := object{"type": "string"}
		addText(text, item)
		out["items"] = text
	}
}

func addNumbers(out object, rules *validate.FieldRules) {
	if number := rules.GetInt32(); number != nil {
		if _, has := number.GetGreaterThan().(*validate.Int32Rules_Gte); has {
			out["minimum"] = number.GetGte()
		}
		if _, has := number.GetLessThan().(*validate.Int32Rules_Lte); has {
			out["maximum"] = number.GetLte()
		}
	}
	if number := rules.GetDouble(); number != nil && number.GreaterThan != nil { // or only finite, as all JSON is
		out["minimum"], out["maximum"] = number.GetGte(), number.GetLte()
	}
}

func addText(out object, text *validate.StringRules) {
	if text.MinLen != nil {
		out["minLength"] = text.GetMinLen()
	}
	if text.MaxLen != nil {
		out["maxLength"] = text.GetMaxLen()
	}
	if text.Pattern != nil {
		out["pattern"] = text.GetPattern()
	}
	if text.GetNotContains() == "\x00" && text.Pattern == nil {
		out["pattern"] = `^[^\u0000]*$`
	}
	if text.GetUuid() {
		out["format"] = "uuid"
	}
	if len(text.GetIn()) > 0 {
		values := make([]any, len(text.GetIn()))
		for i, value := range text.GetIn() {
			values[i] = value
		}
		out["enum"] = values
	}
}

func merge(into, from object) {
	maps.Copy(into, from)
}
