package importstream

import (
	"context"
	"slices"
	"strings"

	"github.com/futurisys/futurisys/proto/catalogue"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// Warn adds to a report which of its values the versions that serve do not know. Without
// inference nothing is added: scoring says it as well.
func Warn(ctx context.Context, models futurisysv1.ModelServiceClient, report *futurisysv1.ImportReport) {
	listed, err := models.ListModels(ctx, &futurisysv1.ListModelsRequest{PageSize: 1000}) //nolint:mnd // all there can be on a page
	if err != nil {
		return
	}
	for _, one := range listed.GetModels() {
		model, err := models.GetModel(ctx, &futurisysv1.GetModelRequest{Model: one.GetName()})
		if err != nil {
			continue
		}
		for _, feature := range model.GetChampion().GetFeatures() {
			report.Warnings = append(report.Warnings, unknown(feature, report.GetCategories())...)
		}
	}
}

// unknown are the values that a feature of categories does not have.
func unknown(feature *futurisysv1.ModelFeature, counted []*futurisysv1.CategoryCount) []*futurisysv1.Violation {
	var out []*futurisysv1.Violation
	for _, category := range counted {
		if category.GetField() != feature.GetName() || len(feature.GetCategories()) == 0 || slices.Contains(feature.GetCategories(), category.GetValue()) {
			continue
		}
		out = append(out, catalogue.Violation(futurisysv1.ViolationReason_VIOLATION_REASON_UNKNOWN_CATEGORY, category.GetField(),
			"value", `"`+category.GetValue()+`"`, "allowed", strings.Join(feature.GetCategories(), ", ")))
	}
	return out
}
