package storetest

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/futurisys/futurisys/services/persistence/internal/store"
)

func employeesPageByPage(t *testing.T, s store.Store) {
	for id := int32(1); id <= 7; id++ {
		mustCreate(t, s, store.Employee{ID: id})
	}
	if _, err := s.UpdateEmployee(t.Context(), 3, func(*store.Employee) error { return nil }); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		query store.EmployeeQuery
		want  []int32
	}{
		"by id":                 {store.EmployeeQuery{}, []int32{1, 2, 3, 4, 5, 6, 7}},
		"by id, descending":     {store.EmployeeQuery{Descending: true}, []int32{7, 6, 5, 4, 3, 2, 1}},
		"by update":             {store.EmployeeQuery{Order: store.ByUpdate}, []int32{1, 2, 4, 5, 6, 7, 3}},
		"by update, descending": {store.EmployeeQuery{Order: store.ByUpdate, Descending: true}, []int32{3, 7, 6, 5, 4, 2, 1}},
	} {
		var got []int32
		test.query.Limit = 3
		for {
			page, err := s.ListEmployees(t.Context(), test.query)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if page.Total != 7 || page.Estimated {
				t.Errorf("%s: total %d, estimated %v", name, page.Total, page.Estimated)
			}
			for _, e := range page.Rows {
				got = append(got, e.ID)
			}
			if !page.More {
				break
			}
			last := page.Rows[len(page.Rows)-1]
			test.query.After = new(last.Key())
		}
		equal(t, got, test.want)
	}
}

func employeesFiltered(t *testing.T, s store.Store) {
	mustCreate(t, s, store.Employee{ID: 1, DisplayName: "Ada", Profile: store.Profile{Department: new("Consulting"), JobTitle: new("Tech Lead")}})
	mustCreate(t, s, store.Employee{ID: 2, DisplayName: "Bob", Profile: store.Profile{Department: new("Commercial"), JobTitle: new("Manager")}})
	mustCreate(t, s, store.Employee{ID: 30, Profile: store.Profile{Department: new("Consulting"), JobTitle: new("Manager")}})
	for name, test := range map[string]struct {
		query store.EmployeeQuery
		want  []int32
	}{
		"department":          {store.EmployeeQuery{Department: "Consulting"}, []int32{1, 30}},
		"job title":           {store.EmployeeQuery{JobTitle: "Manager"}, []int32{2, 30}},
		"both":                {store.EmployeeQuery{Department: "Consulting", JobTitle: "Manager"}, []int32{30}},
		"name":                {store.EmployeeQuery{Search: "ada"}, []int32{1}},
		"part of a job title": {store.EmployeeQuery{Search: "LEAD"}, []int32{1}},
		"id":                  {store.EmployeeQuery{Search: "30"}, []int32{30}},
		"nobody":              {store.EmployeeQuery{Search: "xyz"}, nil},
		"search and filter":   {store.EmployeeQuery{Search: "man", Department: "Commercial"}, []int32{2}},
	} {
		test.query.Limit = 10
		page, err := s.ListEmployees(t.Context(), test.query)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var got []int32
		for _, e := range page.Rows {
			got = append(got, e.ID)
		}
		if difference := cmp.Diff(test.want, got); difference != "" || page.Total != len(test.want) {
			t.Errorf("%s: total %d, %s", name, page.Total, difference)
		}
	}
}

func searchTakesTextLiterally(t *testing.T, s store.Store) {
	for id, name := range map[int32]string{1: "100% sure", 2: "100 x", 3: "a_b", 4: "axb", 5: "hé! là"} {
		mustCreate(t, s, store.Employee{ID: id, DisplayName: name})
	}
	for search, want := range map[string]int32{"100%": 1, "a_b": 3, "!": 5} {
		page, err := s.ListEmployees(t.Context(), store.EmployeeQuery{Search: search, Limit: 10})
		if err != nil || len(page.Rows) != 1 || page.Rows[0].ID != want {
			t.Errorf("%q finds %v, %v, want employee %d", search, page, err, want)
		}
	}
	page, err := s.ListEmployees(t.Context(), store.EmployeeQuery{Search: "' OR 1=1 --", Limit: 10})
	if err != nil || len(page.Rows) != 0 {
		t.Errorf("SQL in a search finds %v, %v", page, err)
	}
}

func searchKnowsNoAccents(t *testing.T, s store.Store) {
	for id, name := range map[int32]string{1: "Élodie Martin", 2: "Jean-Pierre Dupré", 3: "Zoé O’Neill"} {
		mustCreate(t, s, store.Employee{ID: id, DisplayName: name, Profile: store.Profile{JobTitle: new("Représentant Commercial")}})
	}
	if _, err := s.ImportEmployees(t.Context(), []store.Employee{{ID: 4, Profile: store.Profile{Department: new("Qualité")}}}, true, func(int) {}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.UpdateEmployee(t.Context(), 3, func(e *store.Employee) error {
		e.DisplayName = "Zoé O’Connor"
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	mustCreate(t, s, store.Employee{ID: 5, DisplayName: "Gone"})
	mustDelete(t, s, 5)
	for search, want := range map[string][]int32{
		"Élodie": {1}, "élodie": {1}, "elodie": {1}, "ELODIE MARTIN": {1}, "lodi": {1}, "E\u0301lo": {1}, "Elodie  Martin": {1},
		"jean-pierre": {2}, "Jean Pierre": {2}, "dupre": {2}, "o'connor": {3}, "neill": nil, "gone": nil,
		"représentant": {1, 2, 3}, "qualite": {4}, "martin commercial": nil,
		// One or two letters match the beginning of words.
		"é": {1}, "el": {1}, "du": {2}, "p": {2}, "pi": {2}, "od": nil, "q": {4}, "r": {1, 2, 3}, "4": {4}, "-": nil,
	} {
		page, err := s.ListEmployees(t.Context(), store.EmployeeQuery{Search: search, Limit: 10})
		if err != nil {
			t.Fatalf("%q: %v", search, err)
		}
		var got []int32
		for _, e := range page.Rows {
			got = append(got, e.ID)
		}
		if difference := cmp.Diff(want, got); difference != "" || page.Total != len(want) {
			t.Errorf("%q: total %d, %s", search, page.Total, difference)
		}
	}
}

func newestPredictionIsShown(t *testing.T, s store.Store) {
	for id := int32(1); id <= 3; id++ {
		mustCreate(t, s, store.Employee{ID: id})
	}
	now := time.Now()
	old, newest, other := prediction(1, now.Add(-time.Hour)), prediction(1, now), prediction(2, now.Add(-time.Minute))
	mustRecord(t, s, newest, old, other)
	page, err := s.ListEmployees(t.Context(), store.EmployeeQuery{Limit: 10})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, page.Rows[0].Latest, summary(newest))
	equal(t, page.Rows[1].Latest, summary(other))
	if page.Rows[2].Latest != nil {
		t.Error("an employee without predictions has no newest one")
	}
	one, err := s.Employee(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, one.Latest, summary(newest))
}

// A simulation about a person is hers, and no score of hers; what comes late takes the
// place of nothing newer.
func onlyAScoreIsTheNewest(t *testing.T, s store.Store) {
	mustCreate(t, s, store.Employee{ID: 1})
	now := time.Now()
	score, simulated, late := prediction(1, now), prediction(1, now.Add(time.Hour)), prediction(1, now.Add(-time.Hour))
	simulated.Kind = store.Simulation
	for _, p := range []store.Prediction{score, simulated, late} {
		mustRecord(t, s, p)
	}
	read, err := s.Employee(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, read.Latest, summary(score))
	for kind, want := range map[store.Kind]int{0: 2, store.Score: 2, store.Simulation: 1, store.Replay: 0} {
		for _, employee := range []int32{0, 1} {
			page, err := s.ListPredictions(t.Context(), store.PredictionQuery{Kind: kind, EmployeeID: employee, Limit: 10})
			if err != nil || len(page.Rows) != want || page.Total != want {
				t.Errorf("kind %d of employee %d: got %+v, %v, want %d", kind, employee, page, err, want)
			}
		}
	}
}

// Employees by what the newest prediction says: an older one counts for nothing, and
// nobody is lost between the pages, whoever has the same score or none.
func employeesByNewestPrediction(t *testing.T, s store.Store) {
	now := time.Now()
	for id := int32(1); id <= 6; id++ {
		mustCreate(t, s, store.Employee{ID: id})
	}
	scored := func(id int32, age time.Duration, probability float64, band string) {
		p := prediction(id, now.Add(-age))
		p.Probability, p.RiskBand = probability, band
		mustRecord(t, s, p)
	}
	scored(1, time.Hour, 0.9, "HIGH")
	scored(1, 0, 0.1, "LOW")
	scored(2, 0, 0.7, "HIGH")
	scored(3, 0, 0.3, "MODERATE")
	scored(4, 0, 0.7, "HIGH")
	for name, test := range map[string]struct {
		query store.EmployeeQuery
		want  []int32
	}{
		"the greatest first":           {store.EmployeeQuery{Order: store.ByProbability, Descending: true}, []int32{4, 2, 3, 1, 6, 5}},
		"the least first":              {store.EmployeeQuery{Order: store.ByProbability}, []int32{5, 6, 1, 3, 2, 4}},
		"a band":                       {store.EmployeeQuery{RiskBand: "HIGH"}, []int32{2, 4}},
		"a band, the greatest first":   {store.EmployeeQuery{RiskBand: "HIGH", Order: store.ByProbability, Descending: true}, []int32{4, 2}},
		"a band that nobody is in now": {store.EmployeeQuery{RiskBand: "SEVERE"}, nil},
	} {
		var got []int32
		test.query.Limit = 2
		for {
			page, err := s.ListEmployees(t.Context(), test.query)
			if err != nil || page.Total != len(test.want) {
				t.Fatalf("%s: got %+v, %v", name, page, err)
			}
			for _, e := range page.Rows {
				got = append(got, e.ID)
			}
			if !page.More {
				break
			}
			test.query.After = new(page.Rows[len(page.Rows)-1].Key())
		}
		if difference := cmp.Diff(test.want, got); difference != "" {
			t.Errorf("%s: %s", name, difference)
		}
	}
}
