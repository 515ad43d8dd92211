package scorecard

import (
	"github.com/futurisys/futurisys/gateway/internal/dashboard/ui"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// Header are the columns of exported predictions.
func Header(v *ui.View) []string {
	out := make([]string, 0, 12)
	for _, key := range []string{
		"column_employee", "column_scored", "column_probability", "column_band", "column_decision", "threshold",
		"column_reason_1", "column_reason_2", "column_reason_3", "column_difference", "column_version", "column_id",
	} {
		out = append(out, v.T(key))
	}
	return out
}

// Cells are a prediction under Header; who is whom it is about.
func Cells(v *ui.View, t *ui.Table, p *futurisysv1.Prediction, who string) []string {
	out := []string{
		t.Text(who), t.Time(p.GetCreateTime()),
		t.Decimal(p.GetProbability()), v.BandName(p.GetRiskBand()), v.Decision(p.GetPositive()), t.Decimal(p.GetThreshold()),
	}
	reasons := v.Reasons(p.GetExplanation(), nil, 3) //nolint:mnd // columns
	for i := range 3 {
		reason := ""
		if i < len(reasons) {
			reason = t.Text(reasons[i])
		}
		out = append(out, reason)
	}
	difference := ""
	if p.GetPrevious() != nil {
		difference = t.Decimal(p.GetProbability() - p.GetPrevious().GetProbability())
	}
	return append(out, difference, ui.VersionName(p), p.GetId())
}
