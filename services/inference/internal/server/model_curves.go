package server

import (
	"context"
	"fmt"
	"math"

	"github.com/futurisys/futurisys/services/inference/internal/explain"
	"github.com/futurisys/futurisys/services/inference/internal/modelpkg"
	"github.com/futurisys/futurisys/services/inference/internal/registry"
	"github.com/futurisys/futurisys/services/inference/internal/scoring"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// curvePoints is how many points the curve of a number has at most.
const curvePoints = 101

// ListFeatureCurves reads how each input of a version moves its scores.
func (s *Model) ListFeatureCurves(_ context.Context, request *futurisysv1.ListFeatureCurvesRequest) (*futurisysv1.ListFeatureCurvesResponse, error) {
	model, err := s.models.Model(request.GetModel())
	if err != nil {
		return nil, lookupError(err, request.GetModel(), 0, "")
	}
	version, err := model.Version(request.GetVersion())
	if err == nil && !version.Acquire() {
		err = registry.ErrVersion // known, and not loaded
	}
	if err != nil {
		return nil, lookupError(err, request.GetModel(), request.GetVersion(), "")
	}
	defer version.Release()
	out := &futurisysv1.ListFeatureCurvesResponse{
		ExplainMethod: scoring.Method(version.Explainer), Space: scoring.Space(version.Explainer),
	}
	curves, ok := version.Explainer.(explain.Curves)
	if !ok {
		return out, nil
	}
	for i := range version.Package.Manifest.Features {
		curve, err := featureCurve(version, curves, i)
		if err != nil {
			return nil, err
		}
		out.FeatureCurves = append(out.FeatureCurves, curve)
	}
	return out, nil
}

func featureCurve(version *registry.Version, curves explain.Curves, i int) (*futurisysv1.FeatureCurve, error) {
	feature := &version.Package.Manifest.Features[i]
	values := curveValues(feature)
	heights, err := curves.Curve(i, values)
	if err != nil {
		return nil, fmt.Errorf("draw the curve of %s: %w", feature.Name, err)
	}
	out := &futurisysv1.FeatureCurve{Feature: feature.Name, LabelFr: feature.Label.FR, LabelEn: feature.Label.EN, Unit: feature.Unit}
	for n, height := range heights {
		out.Points = append(out.Points, &futurisysv1.FeatureCurvePoint{Value: version.Plan.Decode(i, values[n]), Contribution: height})
	}
	return out, nil
}

// curveValues are where a curve is drawn: every category, or whole numbers evenly over
// the training range.
func curveValues(feature *modelpkg.Feature) []float32 {
	var out []float32
	switch {
	case feature.Type == modelpkg.TypeBoolean:
		return []float32{0, 1}
	case feature.Type == modelpkg.TypeCategory:
		for code := range feature.Categories {
			out = append(out, float32(code))
		}
	case feature.Min != nil && feature.Max != nil:
		step := max((*feature.Max-*feature.Min)/(curvePoints-1), 1)
		for at := *feature.Min; at < *feature.Max; at += step {
			out = append(out, float32(math.Round(at)))
		}
		out = append(out, float32(*feature.Max))
	}
	return out
}
