package docs

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protojson"

	"github.com/futurisys/futurisys/proto/gen/openapi"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// modelsTimeout bounds how long inference is waited for.
const modelsTimeout = 2 * time.Second

// profileSchema is the schema that the champion completes.
const profileSchema = "futurisys.v1.EmployeeProfile"

// document is the OpenAPI document as it is served.
type document struct {
	models futurisysv1.ModelServiceClient
	log    *slog.Logger
}

type object = map[string]any

// complete adds what only the loaded models know: the categories that they take,
// their training range and a row that they accept. Without inference the document
// is served as it was generated.
func (d *document) complete(ctx context.Context) []byte {
	ctx, cancel := context.WithTimeout(ctx, modelsTimeout)
	defer cancel()
	champions, err := d.champions(ctx)
	if err != nil || len(champions) == 0 {
		d.log.DebugContext(ctx, "the OpenAPI document is served without the models", "error", err)
		return openapi.Document
	}
	var document object
	if err := json.Unmarshal(openapi.Document, &document); err != nil {
		d.log.ErrorContext(ctx, "the embedded OpenAPI document cannot be read", "error", err)
		return openapi.Document
	}
	for _, champion := range champions {
		addChampion(document, champion)
	}
	out, err := json.Marshal(document)
	if err != nil {
		d.log.ErrorContext(ctx, "the OpenAPI document cannot be written", "error", err)
		return openapi.Document
	}
	return out
}

func (d *document) champions(ctx context.Context) ([]*futurisysv1.ModelVersion, error) {
	listed, err := d.models.ListModels(ctx, &futurisysv1.ListModelsRequest{})
	if err != nil {
		return nil, err //nolint:wrapcheck // only logged
	}
	var out []*futurisysv1.ModelVersion
	for _, model := range listed.GetModels() {
		detailed, err := d.models.GetModel(ctx, &futurisysv1.GetModelRequest{Model: model.GetName()})
		if err != nil {
			return nil, err //nolint:wrapcheck // only logged
		}
		if detailed.GetChampion() != nil {
			out = append(out, detailed.GetChampion())
		}
	}
	return out, nil
}

// addChampion says on each field of the profile what this version takes. A
// record of an employee may hold more, so it is said and not enforced.
func addChampion(document object, champion *futurisysv1.ModelVersion) {
	components, _ := document["components"].(object)
	schemas, _ := components["schemas"].(object)
	profile, _ := schemas[profileSchema].(object)
	properties, _ := profile["properties"].(object)
	name := fmt.Sprintf("%s/%d", champion.GetModel(), champion.GetVersion())
	for _, feature := range champion.GetFeatures() {
		property, ok := properties[jsonName(feature.GetName())].(object)
		if !ok {
			continue
		}
		switch {
		case len(feature.GetCategories()) > 0:
			sayf(property, "%s takes: %s.", name, strings.Join(feature.GetCategories(), ", "))
		case feature.Min != nil && feature.Max != nil:
			sayf(property, "Training range of %s: %g to %g.", name, feature.GetMin(), feature.GetMax())
		}
	}
	if example := asJSON(champion.GetExampleProfile()); example != nil {
		profile["examples"] = []any{example}
		for field, value := range example {
			if property, ok := properties[field].(object); ok {
				property["examples"] = []any{value}
			}
		}
	}
	addModelName(document, champion.GetModel())
	addBodies(document, asJSON(champion.GetExampleProfile()))
}

// addBodies gives the routes that score a body that they take, for Swagger UI to begin with.
// What it would make up itself is refused.
func addBodies(document, profile object) {
	explained := func(body object) object {
		body["explain"] = object{"top": 3}
		return body
	}
	for route, body := range map[string]object{
		"predict":          explained(object{"profile": profile}),
		"batchPredict":     explained(object{"profiles": []any{profile, profile}}),
		"predictEmployees": explained(object{"employeeIds": []any{4, 5}}),
		"explain":          {"profile": profile, "counterfactual": true},
	} {
		paths, _ := document["paths"].(object)
		item, _ := paths["/v1/models/{model}:"+route].(object)
		operation, _ := item["post"].(object)
		request, _ := operation["requestBody"].(object)
		content, _ := request["content"].(object)
		if media, ok := content["application/json"].(object); ok {
			media["example"] = body
		}
	}
}

// addModelName fills the path parameter that names a model.
func addModelName(document object, model string) {
	paths, _ := document["paths"].(object)
	for _, item := range paths {
		methods, _ := item.(object)
		for _, operation := range methods {
			fields, _ := operation.(object)
			parameters, _ := fields["parameters"].([]any)
			for _, one := range parameters {
				if parameter, _ := one.(object); parameter["name"] == "model" && parameter["in"] == "path" {
					parameter["examples"] = object{model: object{"value": model}}
				}
			}
		}
	}
}

func sayf(property object, format string, args ...any) {
	before, _ := property["description"].(string)
	property["description"] = strings.TrimSpace(before + "\n" + fmt.Sprintf(format, args...))
}

func asJSON(profile *futurisysv1.EmployeeProfile) object {
	raw, err := protojson.Marshal(profile)
	if profile == nil || err != nil {
		return nil
	}
	var out object
	if err := json.Unmarshal(raw, &out); err != nil {
		return nil
	}
	return out
}

// jsonName is the JSON name of a profile's field.
func jsonName(name string) string {
	fields := (&futurisysv1.EmployeeProfile{}).ProtoReflect().Descriptor().Fields()
	for i := range fields.Len() {
		if string(fields.Get(i).Name()) == name {
			return fields.Get(i).JSONName()
		}
	}
	return name
}
