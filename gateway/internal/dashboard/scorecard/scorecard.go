// Package scorecard shows a score with its reasons: on a card, in a cell of a table, in a
// file.
package scorecard

import (
	"math"
	"net/url"
	"strconv"

	"github.com/a-h/templ"

	"github.com/futurisys/futurisys/gateway/internal/dashboard/chart"
	"github.com/futurisys/futurisys/gateway/internal/dashboard/ui"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// Score is a score as a card shows it, recorded or not.
type Score struct {
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

// Of is the score of a prediction, under a title.
func Of(v *ui.View, title string, p *futurisysv1.Prediction) Score {
	return Score{
		Title: title, By: ScoredBy(v, p), Version: p.GetModelVersion(), Probability: p.GetProbability(), Threshold: p.GetThreshold(),
		Positive: p.GetPositive(), Band: p.GetRiskBand(), Warnings: p.GetWarnings(), Explanation: p.GetExplanation(),
	}
}

// ScoredBy says which version scored, and when.
func ScoredBy(v *ui.View, p *futurisysv1.Prediction) string {
	text := v.T("scored_by", "Version", ui.VersionName(p), "Time", v.Time(p.GetCreateTime().AsTime()))
	if key := "recording_" + p.GetRecording().String(); v.Has(key) {
		text += " " + v.T(key)
	}
	return text
}

// explanationBars are the contributions as bars, each with its value.
func explanationBars(v *ui.View, e *futurisysv1.Explanation, version *futurisysv1.ModelVersion) []chart.Bar {
	bars := make([]chart.Bar, 0, len(e.GetContributions())+1)
	for _, c := range e.GetContributions() {
		data := v.Signed(c.GetContribution(), 2) //nolint:mnd // decimals
		if c.StandardError != nil {
			data += " ± " + v.Decimal(c.GetStandardError(), 2) //nolint:mnd // decimals
		}
		bars = append(bars, chart.Bar{
			Label: ui.Shorten(v.FeatureName(c, version) + " : " + v.Value(c.GetValue())), Amount: c.GetContribution(), Text: data,
		})
	}
	if e.GetRestCount() > 0 {
		bars = append(bars, chart.Bar{Label: v.N("rest", int(e.GetRestCount())), Amount: e.GetRest(), Text: v.Signed(e.GetRest(), 2)}) //nolint:mnd // decimals
	}
	return bars
}

func explanationText(v *ui.View, s Score) chart.Text {
	e := s.Explanation
	return chart.Text{
		ID: "score-chart", Title: v.T("reasons_title"),
		Description: v.T("reasons_description", "Base", v.Signed(e.GetBase(), 2), "Margin", v.Signed(e.GetMargin(), 2)), //nolint:mnd // decimals
	}
}

// curveLink leads to the curve of a contribution, with its value marked.
func curveLink(s Score, c *futurisysv1.Contribution) templ.SafeURL {
	query := url.Values{"version": {strconv.Itoa(int(s.Version))}, "feature": {c.GetFeature()}}
	if number, ok := c.GetValue().GetKind().(*futurisysv1.FeatureValue_Number); ok {
		query.Set("at", strconv.Itoa(int(math.Round(number.Number))))
	}
	return ui.With("model/curve", query)
}
