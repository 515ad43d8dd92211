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
const profileSchema = "EmployeeProfile"

// document is the OpenAPI document as it is served.
type document struct {
	sources Sources
	log     *slog.Logger
}

type object = map[string]any

// complete adds what only the loaded models know: the categories that they take,
// their training range and a row that they accept. Without inference the document
// is served as it was generated.
func (d *document) complete(ctx context.Context) []byte {
	ctx, cancel := context.WithTimeout(ctx, modelsTimeout)
	defer cancel()
	served, err := d.served(ctx)
	if err != nil || len(served) == 0 {
		d.log.DebugContext(ctx, "the OpenAPI document is served without the models", "error", err)
		return openapi.Document
	}
	var document object
	if err := json.Unmarshal(openapi.Document, &document); err != nil {
		d.log.ErrorContext(ctx, "the embedded OpenAPI document cannot be read", "error", err)
		return openapi.Document
	}
	for _, model := range served {
		addChampion(document, model.GetChampion())
	}
	d.examples(ctx, served[0]).add(document)
	out, err := json.Marshal(document)
	if err != nil {
		d.log.ErrorContext(ctx, "the OpenAPI document cannot be written", "error", err)
		return openapi.Document
	}
	return out
}

// served are the models that have a champion.
func (d *document) served(ctx context.Context) ([]*futurisysv1.Model, error) {
	listed, err := d.sources.Models.ListModels(ctx, &futurisysv1.ListModelsRequest{})
	if err != nil {
		return nil, err //nolint:wrapcheck // only logged
	}
	var out []*futurisysv1.Model
	for _, model := range listed.GetModels() {
		detailed, err := d.sources.Models.GetModel(ctx, &futurisysv1.GetModelRequest{Model: model.GetName()})
		if err != nil {
			return nil, err //nolint:wrapcheck // only logged
		}
		if detailed.GetChampion() != nil {
			out = append(out, detailed)
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
