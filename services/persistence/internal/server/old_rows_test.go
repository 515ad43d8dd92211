package server_test

import (
	"database/sql"
	"path/filepath"
	"testing"

	"github.com/futurisys/futurisys/services/persistence/internal/server"
	"github.com/futurisys/futurisys/services/persistence/internal/store/gormstore"

	internalv1 "github.com/futurisys/futurisys/proto/gen/futurisys/internalapi/v1"
	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// What was stored before there were reasons and enums is answered as it was, with what is
// known of it now.
func TestRowsOfEarlierVersionsAreRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "old.db")
	rows, err := gormstore.Open(gormstore.Options{URL: "sqlite:" + path})
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	if err := rows.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	recorded := aPrediction(&futurisysv1.EmployeeProfile{})
	if _, err := server.NewRecording(rows).RecordPredictions(t.Context(), &internalv1.RecordPredictionsRequest{Predictions: []*futurisysv1.Prediction{recorded}}); err != nil {
		t.Fatal(err)
	}
	database, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer database.Close()
	if _, err := database.ExecContext(t.Context(), `UPDATE predictions SET
		warnings = '[{"field": "age", "message": "80 is outside of the training range 18 to 60"}]',
		explanation = '{"method": "additive", "space": "log_odds", "link": "logistic", "base": -2, "margin": -1.5, "rest": 0, "rest_count": 0,
			"contributions": [{"feature": "age", "number": 80, "label_fr": "Âge", "label_en": "Age", "contribution": 0.5}]}'`); err != nil {
		t.Fatal(err)
	}
	got, err := server.NewHistory(rows).GetPrediction(t.Context(), &futurisysv1.GetPredictionRequest{Prediction: recorded.GetId()})
	if err != nil {
		t.Fatal(err)
	}
	if w := got.GetWarnings(); len(w) != 1 || w[0].GetMessage() != "80 is outside of the training range 18 to 60" || w[0].GetReason() != 0 || w[0].GetField() != "age" {
		t.Errorf("the warnings are %v", w)
	}
	e := got.GetExplanation()
	if e.GetMethod() != futurisysv1.ExplainMethod_EXPLAIN_METHOD_ADDITIVE || e.GetSpace() != futurisysv1.ExplainSpace_EXPLAIN_SPACE_LOG_ODDS ||
		e.GetLink() != futurisysv1.ExplainLink_EXPLAIN_LINK_LOGISTIC || e.GetContributions()[0].GetValue().GetNumber() != 80 {
		t.Errorf("the explanation is %v", e)
	}
}
