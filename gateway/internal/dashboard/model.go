package dashboard

import (
	"bytes"
	"cmp"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/a-h/templ"
	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	"google.golang.org/grpc/status"

	"github.com/futurisys/futurisys/gateway/internal/dashboard/chart"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// modelShown is what the page of the model shows.
type modelShown struct {
	Model     *futurisysv1.Model
	Versions  []*futurisysv1.ModelVersion
	Threshold thresholdShown
	Card      templ.Component
}

// thresholdShown is what a threshold would give.
type thresholdShown struct {
	Version *futurisysv1.ModelVersion
	Point   *futurisysv1.ThresholdPoint // nil: the package has no curve
	Staff   int                         // employees on record, 0: not known
}

// modelPage shows the model: its card, figures, versions and threshold.
func (d *Dashboard) modelPage(v *view, w http.ResponseWriter, r *http.Request) {
	model, err := d.models.get(r.Context())
	if err != nil {
		d.fail(v, w, r, inference, err)
		return
	}
	versions, err := d.models.client.ListModelVersions(r.Context(), &futurisysv1.ListModelVersionsRequest{Model: model.GetName()})
	if err != nil {
		d.fail(v, w, r, inference, err)
		return
	}
	shown := &modelShown{Model: model, Versions: versions.GetModelVersions(), Card: cardPart(model.GetChampion().GetCard())}
	shown.Threshold = d.thresholdAt(r, model.GetChampion())
	d.render(v, w, r, http.StatusOK, v.T("model_title"), modelPart(v, shown))
}

// thresholdPart is the threshold explorer alone.
func (d *Dashboard) thresholdPart(v *view, w http.ResponseWriter, r *http.Request) {
	if !v.Partial {
		http.Redirect(w, r, string(with("model", kept(r.URL.Query(), "threshold")))+"#threshold", http.StatusSeeOther)
		return
	}
	model, err := d.models.get(r.Context())
	if err != nil {
		d.fail(v, w, r, inference, err)
		return
	}
	d.render(v, w, r, http.StatusOK, "", thresholdFigures(v, d.thresholdAt(r, model.GetChampion())))
}

// thresholdAt is what the asked threshold would give, else the version's own.
func (d *Dashboard) thresholdAt(r *http.Request, version *futurisysv1.ModelVersion) thresholdShown {
	asked := version.GetThreshold().GetValue()
	if percent, err := strconv.ParseFloat(r.URL.Query().Get("threshold"), 64); err == nil && percent >= 0 && percent <= 100 {
		asked = percent / 100 //nolint:mnd // percent
	}
	shown := thresholdShown{Version: version}
	if curve := version.GetThreshold().GetCurve(); len(curve) > 0 {
		shown.Point = slices.MinFunc(curve, func(a, b *futurisysv1.ThresholdPoint) int {
			return cmp.Compare(math.Abs(a.GetThreshold()-asked), math.Abs(b.GetThreshold()-asked))
		})
	}
	if d.hasDatabase() {
		if counted, err := d.employees.ListEmployees(r.Context(), &futurisysv1.ListEmployeesRequest{PageSize: 1}); err == nil {
			shown.Staff = int(counted.GetTotalSize())
		}
	}
	return shown
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

// thresholdPlot draws precision, recall and the flagged share by threshold.
func (v *view) thresholdPlot(s thresholdShown) chart.Plot {
	lines := []chart.Line{{Class: "line"}, {Class: "line-2"}, {Class: "line-3"}}
	for _, point := range s.Version.GetThreshold().GetCurve() {
		for i, y := range []float64{point.GetPrecision(), point.GetRecall(), point.GetFlaggedShare()} {
			lines[i].Points = append(lines[i].Points, chart.Point{X: point.GetThreshold(), Y: y})
		}
	}
	plot := chart.Plot{Lines: lines, Unit: true, TicksY: v.percentTicks(), Down: []chart.Mark{{At: s.Point.GetThreshold(), Name: ""}}}
	if own := s.Version.GetThreshold().GetValue(); math.Abs(own-s.Point.GetThreshold()) > 1e-9 { //nolint:mnd // the same
		plot.Down = append(plot.Down, chart.Mark{At: own, Name: v.T("threshold_own", "Threshold", v.Percent(own))})
	}
	for _, share := range []float64{0.25, 0.5, 0.75} {
		plot.TicksX = append(plot.TicksX, chart.Tick{At: share, Name: v.Percent(share)})
	}
	return plot
}

// importanceBars are the mean absolute contributions as bars.
func (v *view) importanceBars(version *futurisysv1.ModelVersion) []chart.Bar {
	bars := make([]chart.Bar, len(version.GetImportance()))
	for i, one := range version.GetImportance() {
		bars[i] = chart.Bar{
			Label: shorten(v.fieldName(one.GetFeature(), featureOf(version, one.GetFeature()))), Amount: one.GetMeanAbsolute(),
			Shown: v.Fixed(one.GetMeanAbsolute(), 2), //nolint:mnd // decimals
		}
	}
	return bars
}

// aliasShown is a change of an alias that is to be confirmed.
type aliasShown struct {
	Model    string
	Alias    string
	Version  string // "": back to what it stood for before
	Rollback bool
	Now      int32
	Target   *futurisysv1.ModelVersion
	Failure  *failure
	Refused  bool // the inputs differ: it can be forced
}

// aliasConfirm asks whether an alias is really to be changed.
func (d *Dashboard) aliasConfirm(v *view, w http.ResponseWriter, r *http.Request) {
	shown, ok := d.readAlias(v, w, r, r.URL.Query())
	if ok {
		d.render(v, w, r, http.StatusOK, v.T("alias_title"), aliasPart(v, shown))
	}
}

func (d *Dashboard) readAlias(v *view, w http.ResponseWriter, r *http.Request, form url.Values) (*aliasShown, bool) {
	model, err := d.models.get(r.Context())
	if err != nil {
		d.fail(v, w, r, inference, err)
		return nil, false
	}
	shown := &aliasShown{
		Model: model.GetName(), Alias: form.Get("alias"), Version: form.Get("version"), Rollback: form.Get("rollback") == "true",
		Now: model.GetAliases()[form.Get("alias")],
	}
	if shown.Rollback {
		return shown, true
	}
	number, err := strconv.ParseInt(shown.Version, 10, 32)
	if err != nil {
		d.notFound(v, w, r)
		return nil, false
	}
	if shown.Target, err = d.models.client.GetModelVersion(r.Context(), &futurisysv1.GetModelVersionRequest{Model: shown.Model, Version: int32(number)}); err != nil {
		d.fail(v, w, r, inference, err)
		return nil, false
	}
	return shown, true
}

// aliasChange changes an alias, or takes it back.
func (d *Dashboard) aliasChange(v *view, w http.ResponseWriter, r *http.Request) {
	shown, ok := d.readAlias(v, w, r, r.PostForm)
	if !ok {
		return
	}
	by, comment := r.PostForm.Get("changed_by"), r.PostForm.Get("comment")
	var err error
	if shown.Rollback {
		_, err = d.models.client.RollbackModelAlias(r.Context(), &futurisysv1.RollbackModelAliasRequest{
			Model: shown.Model, Alias: shown.Alias, ChangedBy: by, Comment: comment,
		})
	} else {
		_, err = d.models.client.SetModelAlias(r.Context(), &futurisysv1.SetModelAliasRequest{
			Model: shown.Model, Alias: shown.Alias, Version: shown.Target.GetVersion(), ChangedBy: by, Comment: comment,
			Force: r.PostForm.Get("force") == "true",
		})
	}
	if err != nil {
		shown.Failure = new(d.failureOf(v, inference, err))
		shown.Refused = !shown.Rollback && len(shown.Target.GetSchemaChanges()) > 0
		d.render(v, w, r, runtime.HTTPStatusFromCode(status.Code(err)), v.T("alias_title"), aliasPart(v, shown))
		return
	}
	http.Redirect(w, r, string(to("model"))+"#versions", http.StatusSeeOther)
}

// state is a version's state in words.
func (v *view) state(version *futurisysv1.ModelVersion) string {
	return v.T("state_" + strings.TrimPrefix(version.GetState().String(), "MODEL_VERSION_STATE_"))
}

// metric is a figure with its spread.
func (v *view) metric(m *futurisysv1.Metric) string {
	return v.Fixed(m.GetMean(), 3) + " ± " + v.Fixed(m.GetSd(), 3) //nolint:mnd // decimals
}

// metrics are all figures of a version in a line.
func (v *view) metrics(version *futurisysv1.ModelVersion) string {
	parts := make([]string, len(version.GetMetrics()))
	for i, m := range version.GetMetrics() {
		parts[i] = v.metricName(m.GetName()) + " " + v.metric(m)
	}
	return strings.Join(parts, " · ")
}

func (v *view) metricName(name string) string {
	if v.Has("metric_" + name) {
		return v.T("metric_" + name)
	}
	return name
}

func hasAlias(version *futurisysv1.ModelVersion, alias string) bool {
	return slices.Contains(version.GetAliases(), alias)
}

// percentOf is a share as the slider has it.
func percentOf(share float64) string { return strconv.Itoa(int(math.Round(share * 100))) } //nolint:mnd // percent

// flaggedOf is how many of the employees on record a threshold would flag, by its share
// out of fold.
func flaggedOf(s thresholdShown) int {
	return int(math.Round(s.Point.GetFlaggedShare() * float64(s.Staff)))
}
