package dashboard

import (
	"fmt"
	"math"
	"net/url"
	"strconv"

	"github.com/a-h/templ"

	"github.com/futurisys/futurisys/gateway/internal/dashboard/chart"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// scoreShown is a score as a card shows it, recorded or not.
type scoreShown struct {
	Title       string
	By          string // version and time
	Version     int32
	Probability float64
	Threshold   float64
	Positive    bool
	Band        string
	Warnings    []*futurisysv1.Violation
	Explanation *futurisysv1.Explanation
}

func (v *view) ofPrediction(title string, p *futurisysv1.Prediction) scoreShown {
	return scoreShown{
		Title: title, By: v.scoredBy(p), Version: p.GetModelVersion(), Probability: p.GetProbability(), Threshold: p.GetThreshold(),
		Positive: p.GetPositive(), Band: p.GetRiskBand(), Warnings: p.GetWarnings(), Explanation: p.GetExplanation(),
	}
}

// scoredBy says which version scored, and when.
func (v *view) scoredBy(p *futurisysv1.Prediction) string {
	text := v.T("scored_by", "Version", versionName(p), "Time", v.Time(p.GetCreateTime().AsTime()))
	if key := "recording_" + p.GetRecording().String(); v.Has(key) {
		text += " " + v.T(key)
	}
	return text
}

func versionName(p *futurisysv1.Prediction) string {
	return fmt.Sprintf("%s/%d", p.GetModel(), p.GetModelVersion())
}

// total says how long a list is.
func (v *view) total(answer *futurisysv1.ListPredictionsResponse) string {
	return v.sized("predictions_count", answer)
}

// sized is a text with the size of a list, which may be an estimate.
func (v *view) sized(key string, list interface {
	GetTotalSize() int32
	GetTotalSizeIsEstimate() bool
},
) string {
	text := v.N(key, int(list.GetTotalSize()))
	if list.GetTotalSizeIsEstimate() {
		return v.T("about", "Text", text)
	}
	return text
}

// explanationBars are the contributions as bars, each with its value.
func (v *view) explanationBars(e *futurisysv1.Explanation, version *futurisysv1.ModelVersion) []chart.Bar {
	bars := make([]chart.Bar, 0, len(e.GetContributions())+1)
	for _, c := range e.GetContributions() {
		shown := v.Signed(c.GetContribution(), 2) //nolint:mnd // decimals
		if c.StandardError != nil {
			shown += " ± " + v.Decimal(c.GetStandardError(), 2) //nolint:mnd // decimals
		}
		bars = append(bars, chart.Bar{
			Label: shorten(v.featureName(c, version) + " : " + v.value(c.GetValue())), Amount: c.GetContribution(), Shown: shown,
		})
	}
	if e.GetRestCount() > 0 {
		bars = append(bars, chart.Bar{Label: v.N("rest", int(e.GetRestCount())), Amount: e.GetRest(), Shown: v.Signed(e.GetRest(), 2)}) //nolint:mnd // decimals
	}
	return bars
}

// shorten cuts a label to what its column holds.
func shorten(text string) string {
	const most = 40
	runes := []rune(text)
	if len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return text
}

func (v *view) explanationText(s scoreShown) chart.Text {
	e := s.Explanation
	return chart.Text{
		ID: "score-chart", Title: v.T("reasons_title"),
		Description: v.T("reasons_description", "Base", v.Signed(e.GetBase(), 2), "Margin", v.Signed(e.GetMargin(), 2)), //nolint:mnd // decimals
	}
}

// curveLink leads to the curve of a contribution, with its value marked.
func curveLink(s scoreShown, c *futurisysv1.Contribution) templ.SafeURL {
	query := url.Values{"version": {strconv.Itoa(int(s.Version))}, "feature": {c.GetFeature()}}
	if number, ok := c.GetValue().GetKind().(*futurisysv1.FeatureValue_Number); ok {
		query.Set("at", strconv.Itoa(int(math.Round(number.Number))))
	}
	return with("model/curve", query)
}
