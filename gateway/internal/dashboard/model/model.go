package model

import (
	"bytes"
	"net/http"
	"slices"
	"strings"

	"github.com/a-h/templ"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"

	"github.com/futurisys/futurisys/gateway/internal/dashboard/chart"
	"github.com/futurisys/futurisys/gateway/internal/dashboard/ui"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// modelData is what the page of the model shows.
type modelData struct {
	Model     *futurisysv1.Model
	Versions  []*futurisysv1.ModelVersion
	Threshold thresholdData
	Card      templ.Component
}

// page shows the model: its card, figures, versions and threshold.
func (h *handlers) page(v *ui.View, w http.ResponseWriter, r *http.Request) {
	model, err := h.Models.Get(r.Context())
	if err != nil {
		h.Fail(v, w, r, ui.Inference, err)
		return
	}
	versions, err := h.Models.Client.ListModelVersions(r.Context(), &futurisysv1.ListModelVersionsRequest{Model: model.GetName()})
	if err != nil {
		h.Fail(v, w, r, ui.Inference, err)
		return
	}
	data := &modelData{Model: model, Versions: versions.GetModelVersions(), Card: cardPart(model.GetChampion().GetCard())}
	data.Threshold = h.thresholdAt(v, r, model.GetChampion())
	h.Render(v, w, r, http.StatusOK, v.T("model_title"), modelPart(v, data))
}

// cardPart is a model card, Markdown, as HTML. What is HTML in it is left out.
func cardPart(card string) templ.Component {
	if rest, ok := strings.CutPrefix(card, "---\n"); ok { // the Hub's front matter
		if _, body, found := strings.Cut(rest, "\n---\n"); found {
			card = body
		}
	}
	var out bytes.Buffer
	if err := goldmark.New(goldmark.WithExtensions(extension.Table)).Convert([]byte(card), &out); err != nil {
		return templ.NopComponent
	}
	// The page has a heading of the first rank already.
	lower := strings.NewReplacer("<h3", "<h5", "</h3", "</h5", "<h2", "<h4", "</h2", "</h4", "<h1", "<h3", "</h1", "</h3", ` style="text-align:right"`, "")
	return templ.Raw(lower.Replace(out.String()))
}

// importanceBars are the mean absolute contributions as bars.
func importanceBars(v *ui.View, version *futurisysv1.ModelVersion) []chart.Bar {
	bars := make([]chart.Bar, len(version.GetImportance()))
	for i, one := range version.GetImportance() {
		bars[i] = chart.Bar{
			Label: ui.Shorten(v.FieldName(one.GetFeature(), ui.FeatureOf(version, one.GetFeature()))), Amount: one.GetMeanAbsolute(),
			Text: v.Fixed(one.GetMeanAbsolute(), 2), //nolint:mnd // decimals
		}
	}
	return bars
}

// state is a version's state in words.
func state(v *ui.View, version *futurisysv1.ModelVersion) string {
	return v.T("state_" + strings.TrimPrefix(version.GetState().String(), "MODEL_VERSION_STATE_"))
}

// metric is a figure with its spread.
func metric(v *ui.View, m *futurisysv1.Metric) string {
	return v.Fixed(m.GetMean(), 3) + " ± " + v.Fixed(m.GetSd(), 3) //nolint:mnd // decimals
}

// metrics are all figures of a version in a line.
func metrics(v *ui.View, version *futurisysv1.ModelVersion) string {
	parts := make([]string, len(version.GetMetrics()))
	for i, m := range version.GetMetrics() {
		parts[i] = metricName(v, m.GetName()) + " " + metric(v, m)
	}
	return strings.Join(parts, " · ")
}

func metricName(v *ui.View, name string) string {
	if v.Has("metric_" + name) {
		return v.T("metric_" + name)
	}
	return name
}

func hasAlias(version *futurisysv1.ModelVersion, alias string) bool {
	return slices.Contains(version.GetAliases(), alias)
}
