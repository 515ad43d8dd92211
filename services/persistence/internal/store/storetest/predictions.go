package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/futurisys/futurisys/services/persistence/internal/store"
)

func predictionRoundTrip(t *testing.T, s store.Store) {
	full := prediction(12, time.Date(2026, 2, 28, 23, 59, 59, 123456000, time.UTC))
	full.BatchID = new(uuid.NewString())
	full.Positive = true
	full.RequestID = "retry-me"
	full.Warnings = []store.Warning{{Field: "age", Message: `"é" <script>`}}
	full.Explanation = &store.Explanation{
		Method: "additive", Space: "log_odds", Link: "logistic", Base: -2.1, Margin: 0.1 + 0.2, Rest: 1e-300, RestCount: 21,
		Contributions: []store.Contribution{
			{Feature: "age", Number: new(float64(12)), Contribution: 1.0 / 3, StandardError: new(0.01)},
			{Feature: "department", Category: new("Ressources Humaines"), Contribution: -0.7},
			{Feature: "overtime", Boolean: new(false)},
			{Feature: "tenure_years"},
		},
	}
	bare := prediction(0, time.Now())
	bare.Profile = store.Profile{}
	mustRecord(t, s, full, bare)
	for _, want := range []store.Prediction{full, bare} {
		got, err := s.Prediction(t.Context(), want.ID)
		if err != nil {
			t.Fatal(err)
		}
		equal(t, *got, want)
	}
	_, err := s.Prediction(t.Context(), uuid.NewString())
	fails(t, err, store.ErrNotFound)
	page, err := s.ListPredictions(t.Context(), store.PredictionQuery{EmployeeID: 12, Limit: 1, Explanations: true})
	if err != nil || len(page.Rows) != 1 {
		t.Fatalf("got %+v, %v", page, err)
	}
	equal(t, page.Rows[0], full)
	if page, err = s.ListPredictions(t.Context(), store.PredictionQuery{EmployeeID: 12, Limit: 1}); err != nil {
		t.Fatal(err)
	}
	full.Explanation = nil // a list has it only on request
	equal(t, page.Rows[0], full)
}

// A list can say what was answered before about the same person, whatever else is on
// the page.
func predictionBefore(t *testing.T, s store.Store) {
	now := time.Now()
	first, second, third := prediction(1, now.Add(-2*time.Hour)), prediction(1, now.Add(-time.Hour)), prediction(1, now)
	other, nobody := prediction(2, now), prediction(0, now)
	mustRecord(t, s, third, first, second, other, nobody)
	page, err := s.ListPredictions(t.Context(), store.PredictionQuery{Previous: true, Limit: 10})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{third.ID: second.ID, second.ID: first.ID}
	for _, p := range page.Rows {
		before := ""
		if p.Previous != nil {
			before = p.Previous.ID
			if p.Previous.Probability != first.Probability || p.Previous.RiskBand != first.RiskBand || p.Previous.CreateTime.IsZero() {
				t.Errorf("got %+v", p.Previous)
			}
		}
		if before != want[p.ID] {
			t.Errorf("before %s stands %q, want %q", p.ID, before, want[p.ID])
		}
	}
}

func predictionsPageByPage(t *testing.T, s store.Store) {
	base := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var all []store.Prediction
	for i := range 9 {
		// Three at the same microsecond: the id decides.
		all = append(all, prediction(1, base.Add(time.Duration(i/3)*time.Microsecond*100001)))
	}
	mustRecord(t, s, all...)
	for _, ascending := range []bool{false, true} {
		query := store.PredictionQuery{Ascending: ascending, Limit: 2}
		var got []string
		for {
			page, err := s.ListPredictions(t.Context(), query)
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range page.Rows {
				got = append(got, p.ID)
			}
			if !page.More {
				break
			}
			query.After = new(page.Rows[len(page.Rows)-1].Key())
		}
		want := make([]string, len(all))
		for i := range all { // UUIDs of version 7 ascend as they are made
			want[i] = all[i].ID
			if !ascending {
				want[i] = all[len(all)-1-i].ID
			}
		}
		equal(t, got, want)
	}
}

func predictionsFiltered(t *testing.T, s store.Store) {
	base := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	batch := uuid.NewString()
	rows := make([]store.Prediction, 4)
	for i := range rows {
		rows[i] = prediction(int32(i%2+1), base.Add(time.Duration(i)*time.Hour))
	}
	rows[1].Model, rows[2].ModelVersion, rows[3].RiskBand = "other", 2, "HIGH"
	rows[0].BatchID, rows[3].BatchID = &batch, &batch
	rows[2].Probability, rows[3].Probability = 0.5, 0.9
	mustRecord(t, s, rows...)
	for name, test := range map[string]struct {
		query store.PredictionQuery
		want  []int
	}{
		"all, newest first": {store.PredictionQuery{}, []int{3, 2, 1, 0}},
		"employee":          {store.PredictionQuery{EmployeeID: 1}, []int{2, 0}},
		"model":             {store.PredictionQuery{Model: "other"}, []int{1}},
		"version":           {store.PredictionQuery{ModelVersion: 2}, []int{2}},
		"band":              {store.PredictionQuery{RiskBand: "HIGH"}, []int{3}},
		"batch":             {store.PredictionQuery{BatchID: batch}, []int{3, 0}},
		"probability":       {store.PredictionQuery{MinProbability: 0.5}, []int{3, 2}},
		"from":              {store.PredictionQuery{From: rows[2].CreateTime}, []int{3, 2}},
		"to, excluded":      {store.PredictionQuery{To: rows[2].CreateTime}, []int{1, 0}},
		"two at once":       {store.PredictionQuery{EmployeeID: 2, BatchID: batch}, []int{3}},
	} {
		test.query.Limit = 10
		page, err := s.ListPredictions(t.Context(), test.query)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var got, want []string
		for _, p := range page.Rows {
			got = append(got, p.ID)
		}
		for _, i := range test.want {
			want = append(want, rows[i].ID)
		}
		if difference := cmp.Diff(want, got); difference != "" || page.Total != len(want) {
			t.Errorf("%s: total %d: %s", name, page.Total, difference)
		}
	}
}

// Each filter has a way of its own through the indexes, and some have two: for few rows
// and for many. None may lose a row between two pages.
func filtersPageByPage(t *testing.T, s store.Store) {
	base := time.Now().UTC().Truncate(time.Microsecond)
	batch := uuid.NewString()
	rows := make([]store.Prediction, 40)
	for i := range rows {
		rows[i] = prediction(int32(i%2+1), base.Add(time.Duration(i/4)*time.Second))
		rows[i].ModelVersion = int32(i%2 + 1)
		rows[i].BatchID = &batch
		rows[i].RowNumber = int32(100 - i)
		rows[i].Probability = float64(i%10) / 10
		if i%2 == 0 {
			rows[i].RiskBand = "HIGH"
		}
	}
	mustRecord(t, s, rows...)
	even := func(i int) bool { return i%2 == 0 }
	for name, test := range map[string]struct {
		query store.PredictionQuery
		match func(i int) bool
	}{
		"band":              {store.PredictionQuery{RiskBand: "HIGH"}, even},
		"band, ascending":   {store.PredictionQuery{RiskBand: "HIGH", Ascending: true}, even},
		"model":             {store.PredictionQuery{Model: "attrition"}, func(int) bool { return true }},
		"version":           {store.PredictionQuery{Model: "attrition", ModelVersion: 1}, even},
		"version alone":     {store.PredictionQuery{ModelVersion: 1}, even},
		"probability":       {store.PredictionQuery{MinProbability: 0.7}, func(i int) bool { return i%10 >= 7 }},
		"employee":          {store.PredictionQuery{EmployeeID: 1}, even},
		"batch and band":    {store.PredictionQuery{BatchID: batch, RiskBand: "HIGH", Ascending: true}, even},
		"band and a time":   {store.PredictionQuery{RiskBand: "HIGH", From: rows[8].CreateTime, To: rows[20].CreateTime}, func(i int) bool { return even(i) && i >= 8 && i < 20 }},
		"in their sequence": {store.PredictionQuery{Order: store.ByCommitSequence, RiskBand: "HIGH"}, even},
	} {
		test.query.Limit = 3
		got := map[string]bool{}
		for {
			page, err := s.ListPredictions(t.Context(), test.query)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			for i := range page.Rows {
				if got[page.Rows[i].ID] {
					t.Errorf("%s: a row appears more than once", name)
				}
				got[page.Rows[i].ID] = true
				if i > 0 && test.query.Order == store.ByCreateTime && page.Rows[i].CreateTime.Before(page.Rows[i-1].CreateTime) == test.query.Ascending &&
					!page.Rows[i].CreateTime.Equal(page.Rows[i-1].CreateTime) {
					t.Errorf("%s: not in order", name)
				}
			}
			if !page.More {
				break
			}
			test.query.After = new(page.Rows[len(page.Rows)-1].Key())
		}
		for i := range rows {
			if got[rows[i].ID] != test.match(i) {
				t.Errorf("%s: row %d is listed: %v", name, i, got[rows[i].ID])
			}
		}
	}
}

func rowsOfAFileInItsOrder(t *testing.T, s store.Store) {
	now := time.Now()
	batch := uuid.NewString()
	rows := make([]store.Prediction, 7)
	for i := range rows {
		// The clock of the copy that scored the second half is late.
		rows[i] = prediction(0, now.Add(-time.Duration(i)*time.Minute))
		rows[i].BatchID, rows[i].RowNumber, rows[i].RowID = &batch, int32(i+2), fmt.Sprintf("E_%d", i)
	}
	mustRecord(t, s, rows...)
	query := store.PredictionQuery{BatchID: batch, Order: store.ByRowNumber, Limit: 2}
	var got []string
	for {
		page, err := s.ListPredictions(t.Context(), query)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range page.Rows {
			got = append(got, p.RowID)
		}
		if !page.More {
			break
		}
		query.After = new(page.Rows[len(page.Rows)-1].Key())
	}
	equal(t, got, []string{"E_0", "E_1", "E_2", "E_3", "E_4", "E_5", "E_6"})
}
