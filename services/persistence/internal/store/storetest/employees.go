package storetest

import (
	"context"
	"errors"
	"math"
	"sync"
	"testing"
	"time"

	"github.com/futurisys/futurisys/services/persistence/internal/store"
)

func employeeRoundTrip(t *testing.T, s store.Store) {
	for id, profile := range map[int32]store.Profile{7: whole(3), 8: {}, 9: {Age: new(int32(40)), Overtime: new(true)}} {
		created := mustCreate(t, s, store.Employee{ID: id, DisplayName: "Zoé <b>'); DROP TABLE employees;--", Profile: profile})
		read, err := s.Employee(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		equal(t, read, created)
		equal(t, read.Profile, profile)
		if read.Revision != 1 || read.CreateTime.IsZero() || time.Since(read.CreateTime) > time.Minute {
			t.Errorf("record starts with revision %d at %s", read.Revision, read.CreateTime)
		}
	}
}

func employeeIDIsGiven(t *testing.T, s store.Store) {
	mustCreate(t, s, store.Employee{ID: 41})
	if next := mustCreate(t, s, store.Employee{}); next.ID != 42 {
		t.Errorf("the next free id is 42, not %d", next.ID)
	}
	mustCreate(t, s, store.Employee{ID: math.MaxInt32})
	for _, want := range []int32{1, 2, 3} {
		if next := mustCreate(t, s, store.Employee{}); next.ID != want {
			t.Errorf("after the highest number there can be, the first gap is %d, not %d", want, next.ID)
		}
	}
}

func employeeIDIsTaken(t *testing.T, s store.Store) {
	mustCreate(t, s, store.Employee{ID: 1, DisplayName: "first"})
	_, err := s.CreateEmployee(t.Context(), store.Employee{ID: 1, DisplayName: "second"})
	fails(t, err, store.ErrExists)
	if kept, _ := s.Employee(t.Context(), 1); kept.DisplayName != "first" {
		t.Errorf("the first record became %q", kept.DisplayName)
	}
}

// A newcomer never gets the number of somebody who left.
func idIsGivenOnce(t *testing.T, s store.Store) {
	mustCreate(t, s, store.Employee{})
	newest := mustCreate(t, s, store.Employee{})
	mustDelete(t, s, newest.ID)
	if next := mustCreate(t, s, store.Employee{}); next.ID != newest.ID+1 {
		t.Errorf("after employee %d was deleted the next one is %d", newest.ID, next.ID)
	}
	if _, err := s.ImportEmployees(t.Context(), []store.Employee{{ID: 70}}, true, func(int) {}); err != nil {
		t.Fatal(err)
	}
	mustDelete(t, s, 70)
	if next := mustCreate(t, s, store.Employee{}); next.ID != 71 {
		t.Errorf("after an import up to 70 the next one is %d", next.ID)
	}
}

func manyEmployeesAtOnce(t *testing.T, s store.Store) {
	const many = 40
	failures := make(chan error, 2*many)
	var all sync.WaitGroup
	for i := range int32(many) {
		all.Go(func() {
			_, err := s.CreateEmployee(context.Background(), store.Employee{})
			failures <- err
		})
		all.Go(func() { // numbers that are about to be given
			if _, err := s.CreateEmployee(context.Background(), store.Employee{ID: i + 1}); !errors.Is(err, store.ErrExists) {
				failures <- err
			}
		})
	}
	all.Wait()
	close(failures)
	for err := range failures {
		if err != nil {
			t.Error(err)
		}
	}
}

// Whoever takes the number of a person who left is another person: her scores are not
// his, not even those that arrive later.
func nobodyInheritsPredictions(t *testing.T, s store.Store) {
	now := time.Now()
	first := mustCreate(t, s, store.Employee{ID: 1})
	hers := prediction(1, now)
	hers.EmployeeGeneration = first.Generation
	mustRecord(t, s, hers)
	mustDelete(t, s, 1)
	second := mustCreate(t, s, store.Employee{ID: 1})
	late := prediction(1, now.Add(time.Minute))
	late.EmployeeGeneration = first.Generation
	mustRecord(t, s, late)
	read, err := s.Employee(t.Context(), 1)
	if err != nil || read.Latest != nil {
		t.Errorf("the newcomer has %+v, %v", read.Latest, err)
	}
	query := store.PredictionQuery{EmployeeID: 1, Limit: 10, Previous: true}
	page, err := s.ListPredictions(t.Context(), query)
	if err != nil || len(page.Rows) != 0 || page.Total != 0 {
		t.Errorf("the newcomer's history has %d rows, %v", len(page.Rows), err)
	}
	his := prediction(1, now.Add(time.Hour))
	his.EmployeeGeneration = second.Generation
	mustRecord(t, s, his)
	if page, err = s.ListPredictions(t.Context(), query); err != nil || len(page.Rows) != 1 || page.Rows[0].ID != his.ID || page.Rows[0].Previous != nil {
		t.Errorf("got %+v, %v", page, err)
	}
	mustDelete(t, s, 1)
	if page, err = s.ListPredictions(t.Context(), query); err != nil || len(page.Rows) != 3 {
		t.Errorf("of a number that nobody has all are listed, not %d, %v", len(page.Rows), err)
	}
}

func employeeIsMissing(t *testing.T, s store.Store) {
	_, err := s.Employee(t.Context(), 404)
	fails(t, err, store.ErrNotFound)
	_, err = s.UpdateEmployee(t.Context(), 404, func(*store.Employee) error { return nil })
	fails(t, err, store.ErrNotFound)
	fails(t, s.DeleteEmployee(t.Context(), 404, func(*store.Employee) error { return nil }), store.ErrNotFound)
	found, err := s.EmployeesByID(t.Context(), []int32{404})
	if err != nil || len(found) != 0 {
		t.Errorf("got %v, %v", found, err)
	}
}

func updateRefusesAndChanges(t *testing.T, s store.Store) {
	before := mustCreate(t, s, store.Employee{ID: 1, Profile: whole(1)})
	refusal := errors.New("no")
	_, err := s.UpdateEmployee(t.Context(), 1, func(*store.Employee) error { return refusal })
	fails(t, err, refusal)
	changed, err := s.UpdateEmployee(t.Context(), 1, func(e *store.Employee) error {
		e.Profile.Overtime, e.Profile.Age = new(true), nil
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	read, err := s.Employee(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, read, changed)
	if !*read.Profile.Overtime || read.Profile.Age != nil || *read.Profile.MonthlyIncome != 1001 {
		t.Errorf("the change is not what was asked for: %+v", read.Profile)
	}
	if read.Etag() == before.Etag() || !read.CreateTime.Equal(before.CreateTime) {
		t.Error("a change gives another etag and keeps the time of creation")
	}
}

func updatesAtOnceLoseNothing(t *testing.T, s store.Store) {
	mustCreate(t, s, store.Employee{ID: 1, Profile: store.Profile{MonthlyIncome: new(int32(0))}})
	const workers, each = 4, 10
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for done := 0; done < each; {
				_, err := s.UpdateEmployee(context.Background(), 1, func(e *store.Employee) error {
					*e.Profile.MonthlyIncome++
					return nil
				})
				if err == nil {
					done++
				} else if !errors.Is(err, store.ErrChanged) {
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	if read, _ := s.Employee(t.Context(), 1); *read.Profile.MonthlyIncome != workers*each || read.Revision != workers*each+1 {
		t.Errorf("%d changes became %d, revision %d", workers*each, *read.Profile.MonthlyIncome, read.Revision)
	}
}

func deleteKeepsPredictions(t *testing.T, s store.Store) {
	mustCreate(t, s, store.Employee{ID: 1})
	kept := prediction(1, time.Now())
	mustRecord(t, s, kept)
	refusal := errors.New("no")
	fails(t, s.DeleteEmployee(t.Context(), 1, func(*store.Employee) error { return refusal }), refusal)
	if err := s.DeleteEmployee(t.Context(), 1, func(*store.Employee) error { return nil }); err != nil {
		t.Fatal(err)
	}
	_, err := s.Employee(t.Context(), 1)
	fails(t, err, store.ErrNotFound)
	read, err := s.Prediction(t.Context(), kept.ID)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, *read, kept)
}

func newEtagAfterNewRecord(t *testing.T, s store.Store) {
	first := mustCreate(t, s, store.Employee{ID: 1})
	if err := s.DeleteEmployee(t.Context(), 1, func(*store.Employee) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if second := mustCreate(t, s, store.Employee{ID: 1}); second.Etag() == first.Etag() {
		t.Error("a record that takes an id again must not have the old one's etag")
	}
}
