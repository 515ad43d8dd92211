package scoring

import (
	"bytes"
	"encoding/base64"

	"github.com/a-h/templ"

	"github.com/futurisys/futurisys/gateway/internal/dashboard/scorecard"
	"github.com/futurisys/futurisys/gateway/internal/dashboard/ui"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// inlineResult is the prediction of a line of a file, on the page itself: without a
// database nothing keeps it but the page.
type inlineResult struct {
	Title      string
	Prediction *futurisysv1.Prediction
}

// inlineCSV is a table of results as the address of a download.
func inlineCSV(v *ui.View, results []inlineResult) (templ.SafeURL, error) {
	var text bytes.Buffer
	table := ui.NewTable(v, &text)
	table.Row(scorecard.Header(v))
	for _, result := range results {
		table.Row(scorecard.Cells(v, table, result.Prediction, result.Title))
	}
	if err := table.Close(); err != nil {
		return "", err //nolint:wrapcheck // it says what it was doing
	}
	return templ.SafeURL("data:text/csv;charset=utf-8;base64," + base64.StdEncoding.EncodeToString(text.Bytes())), nil
}

// inlineListed is how many results a page without a database lists; the file has all.
const inlineListed = 500
