package docs

import (
	"context"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// examples are what Swagger UI begins with: what it would make up itself is refused.
type examples struct {
	model string
	// version is the champion's, other that of one that does not have to serve.
	version, other int32
	profile        object
	employees      []int32 // who are on record, at least one
	prediction     string  // the newest; "": there is none
}

// examples are taken from a model and from what is on record.
func (d *document) examples(ctx context.Context, model *futurisysv1.Model) examples {
	champion := model.GetChampion()
	out := examples{
		model: champion.GetModel(), version: champion.GetVersion(), other: champion.GetVersion(),
		profile: asJSON(champion.GetExampleProfile()), employees: []int32{1},
	}
	for _, version := range model.GetVersions() {
		if version != champion.GetVersion() {
			out.other = version
		}
	}
	if d.sources.Employees == nil {
		return out
	}
	found, err := d.sources.Employees.ListEmployees(ctx, &futurisysv1.ListEmployeesRequest{PageSize: 2}) //nolint:mnd // two
	if err == nil && len(found.GetEmployees()) > 0 {
		out.employees = nil
		for _, employee := range found.GetEmployees() {
			out.employees = append(out.employees, employee.GetId())
		}
	}
	kept, err := d.sources.History.ListPredictions(ctx, &futurisysv1.ListPredictionsRequest{PageSize: 1})
	if err == nil && len(kept.GetPredictions()) > 0 {
		out.prediction = kept.GetPredictions()[0].GetId()
	}
	return out
}

// add puts them on the parameters and bodies of all operations.
func (e examples) add(document object) {
	bodies := e.bodies()
	paths, _ := document["paths"].(object)
	for _, item := range paths {
		methods, _ := item.(object)
		for _, one := range methods {
			operation, _ := one.(object)
			id, _ := operation["operationId"].(string)
			e.addParameters(operation, id)
			request, _ := operation["requestBody"].(object)
			content, _ := request["content"].(object)
			if media, ok := content["application/json"].(object); ok {
				media["example"] = object{} // of those without fields
				if body, ok := bodies[id]; ok {
					media["example"] = body
				}
			}
		}
	}
}

// addParameters fills what a path names.
func (e examples) addParameters(operation object, id string) {
	version := e.version
	if id == "loadModelVersion" || id == "unloadModelVersion" {
		version = e.other
	}
	known := object{"model": e.model, "version": version, "employee": e.employees[0], "updateMask": "displayName"} //nolint:goconst // fields of the API
	if e.prediction != "" {
		known["prediction"] = e.prediction
	}
	if id == "eraseEmployee" {
		delete(known, "employee") // nobody is erased because an example was tried
	}
	parameters, _ := operation["parameters"].([]any)
	for _, one := range parameters {
		parameter, _ := one.(object)
		name, _ := parameter["name"].(string)
		if value, ok := known[name]; ok && (parameter["in"] == "path" || id == "updateEmployee") {
			parameter["example"] = value
		}
	}
}

// bodies are those that operations take, by their ids. None changes which version answers; a
// rollback needs an alias that was set twice, and to unload a version one without an alias.
func (e examples) bodies() map[string]object {
	explain := object{"top": 3}
	return map[string]object{
		"predict":            {"profile": e.profile, "explain": explain}, //nolint:goconst // fields of the API
		"batchPredict":       {"profiles": []any{e.profile, e.profile}, "explain": explain},
		"predictEmployees":   {"employeeIds": e.employees, "explain": explain},
		"explain":            {"profile": e.profile, "counterfactual": true},
		"createKey":          {"name": "payroll import", "roles": []any{"scorer"}, "lifetimeDays": 365}, //nolint:mnd // a year
		"createEmployee":     {"displayName": "Ada Martin", "profile": e.profile},
		"updateEmployee":     {"displayName": "Ada Martin"},
		"setModelAlias":      {"alias": "candidate", "version": e.other, "comment": "to be tried"},
		"rollbackModelAlias": {"alias": "candidate"},
	}
}
