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

func mustListEvents(t *testing.T, s store.Store, query store.AuditQuery) *store.Page[store.AuditEvent] {
	t.Helper()
	query.Limit = max(query.Limit, 1)
	page, err := s.ListAuditEvents(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	return page
}

func auditEvents(t *testing.T, s store.Store) {
	now := time.Now().UTC().Truncate(time.Microsecond)
	events := []store.AuditEvent{
		{Time: now, Principal: "ana", PrincipalName: "Ana", Action: "ListEmployees", EmployeeIDs: []int32{71, 7, 7}, Filter: `{"riskBand":"HIGH"}`, RequestID: "a"},
		{Time: now.Add(time.Second), Principal: "bob", Action: "GetEmployee", EmployeeIDs: []int32{1}},
		{Time: now.Add(2 * time.Second), Principal: "bob", Action: "EraseEmployee", Refused: true},
	}
	if err := s.AppendAuditEvents(t.Context(), events); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		query store.AuditQuery
		want  []string // the actions, the newest first
	}{
		"all":              {store.AuditQuery{}, []string{"EraseEmployee", "GetEmployee", "ListEmployees"}},
		"about whom":       {store.AuditQuery{EmployeeID: 7}, []string{"ListEmployees"}},
		"not about whom":   {store.AuditQuery{EmployeeID: 17}, nil},
		"by whom":          {store.AuditQuery{Principal: "bob"}, []string{"EraseEmployee", "GetEmployee"}},
		"what":             {store.AuditQuery{Action: "GetEmployee"}, []string{"GetEmployee"}},
		"from when":        {store.AuditQuery{From: now.Add(time.Second)}, []string{"EraseEmployee", "GetEmployee"}},
		"until when":       {store.AuditQuery{To: now.Add(time.Second)}, []string{"ListEmployees"}},
		"all that is said": {store.AuditQuery{EmployeeID: 1, Principal: "bob", Action: "GetEmployee", From: now, To: now.Add(time.Minute)}, []string{"GetEmployee"}},
	} {
		var got []string
		query := test.query
		for more := true; more; { // one by one: pages hold together
			page := mustListEvents(t, s, query)
			for _, event := range page.Rows {
				got, query.Before = append(got, event.Action), event.Number
			}
			more = page.More
		}
		if equal(t, got, test.want); t.Failed() {
			t.Fatal(name)
		}
	}
	got := mustListEvents(t, s, store.AuditQuery{Principal: "ana"}).Rows[0]
	want := events[0]
	want.Number, want.EmployeeIDs = got.Number, []int32{7, 71}
	equal(t, got, want)
}

// by is a context of a change that somebody makes.
func by(t *testing.T, principal string) context.Context {
	t.Helper()
	return store.WithChange(t.Context(), &store.Change{AuditEvent: store.AuditEvent{Principal: principal, Action: "change"}})
}

func changeIsKeptWithItsEvent(t *testing.T, s store.Store) {
	refused := errors.New("no")
	created, err := s.CreateEmployee(by(t, "create"), store.Employee{Profile: whole(1)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.UpdateEmployee(by(t, "update"), created.ID, func(e *store.Employee) error { e.DisplayName = "Ana"; return nil }); err != nil {
		t.Fatal(err)
	}
	_, err = s.UpdateEmployee(by(t, "nothing"), created.ID, func(*store.Employee) error { return refused })
	fails(t, err, refused)
	if _, err := s.ImportEmployees(by(t, "import"), []store.Employee{{ID: 9, Profile: whole(9)}, {ID: 8, Profile: whole(8)}}, true, func(int) {}); err != nil {
		t.Fatal(err)
	}
	if err := s.AppendAliasChanges(by(t, "alias"), "r", "m", 0, []store.AliasChange{{Alias: "champion", To: 1, ChangeTime: time.Now()}}); err != nil {
		t.Fatal(err)
	}
	if err := s.DeleteEmployee(by(t, "delete"), created.ID, func(*store.Employee) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if _, err := s.EraseEmployee(by(t, "erase"), 9, 0); err != nil {
		t.Fatal(err)
	}
	got := map[string][]int32{}
	for _, event := range mustListEvents(t, s, store.AuditQuery{Limit: 100}).Rows {
		got[event.Principal] = event.EmployeeIDs
	}
	equal(t, got, map[string][]int32{
		"create": {created.ID}, "update": {created.ID}, "import": {8, 9}, "alias": {}, "delete": {created.ID}, "erase": {9},
	})
}

func erasedPersonIsGone(t *testing.T, s store.Store) {
	now := time.Now()
	ana, bob := mustCreate(t, s, store.Employee{ID: 1, Profile: whole(1)}), mustCreate(t, s, store.Employee{ID: 2, Profile: whole(2)})
	of := func(e *store.Employee) store.Prediction {
		p := prediction(e.ID, now)
		p.EmployeeGeneration = e.Generation
		return p
	}
	hers, his, late := of(ana), of(bob), of(ana)
	hers.RequestID = "r"
	mustRecord(t, s, hers, his)
	other := hers
	other.Probability = 0.9
	if _, err := s.RecordPredictions(t.Context(), []store.Prediction{other}, true); err != nil { // a conflict
		t.Fatal(err)
	}
	erased, err := s.EraseEmployee(t.Context(), ana.ID, 0)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, erased, store.Erased{Record: true, Predictions: 2})
	_, err = s.Employee(t.Context(), ana.ID)
	fails(t, err, store.ErrNotFound)
	_, err = s.Prediction(t.Context(), hers.ID)
	fails(t, err, store.ErrNotFound)
	if conflicts, err := s.ListConflicts(t.Context(), 0, 10); err != nil || len(conflicts.Rows) != 0 {
		t.Errorf("conflicts of hers: %v, %v", conflicts, err)
	}
	// What comes late, or again, is taken and not kept; what comes with it is.
	more := of(bob)
	recorded, err := s.RecordPredictions(t.Context(), []store.Prediction{late, hers, more}, true)
	if err != nil || recorded.Added != 1 || len(recorded.Earlier) != 0 {
		t.Errorf("a late row: got %+v, %v", recorded, err)
	}
	for _, id := range []string{late.ID, hers.ID} {
		_, err = s.Prediction(t.Context(), id)
		fails(t, err, store.ErrNotFound)
	}
	for _, id := range []string{his.ID, more.ID} {
		if _, err := s.Prediction(t.Context(), id); err != nil {
			t.Errorf("another person's: %v", err)
		}
	}
	// Whoever gets the number later is somebody else.
	next := mustCreate(t, s, store.Employee{ID: ana.ID, Profile: whole(3)})
	mustRecord(t, s, of(next))
	if got, err := s.Employee(t.Context(), next.ID); err != nil || got.Latest == nil {
		t.Errorf("got %+v, %v", got, err)
	}
	_, err = s.EraseEmployee(t.Context(), 77, 0)
	fails(t, err, store.ErrNotFound)
}

func whoeverHadANumberIsErased(t *testing.T, s store.Store) {
	var ids []string
	for range 2 {
		person := mustCreate(t, s, store.Employee{ID: 5, Profile: whole(5)})
		p := prediction(5, time.Now())
		p.EmployeeGeneration = person.Generation
		mustRecord(t, s, p)
		ids = append(ids, p.ID)
		mustDelete(t, s, 5)
	}
	erased, err := s.EraseEmployee(t.Context(), 5, 0)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, erased, store.Erased{Predictions: 2})
	for _, id := range ids {
		_, err := s.Prediction(t.Context(), id)
		fails(t, err, store.ErrNotFound)
	}
	next := mustCreate(t, s, store.Employee{ID: 5, Profile: whole(5)})
	p := prediction(5, time.Now())
	p.EmployeeGeneration = next.Generation
	mustRecord(t, s, p)
}

// Who gets her number before the former ones are erased, and comes on record after it, is
// not one of them; and who was erased before anything of hers was on record stays so.
func erasureMeetsWhatComes(t *testing.T, s store.Store) {
	mustCreate(t, s, store.Employee{ID: 5, Profile: whole(5)})
	mustDelete(t, s, 5)
	if erased, err := s.EraseEmployee(t.Context(), 5, 0); err != nil || erased != (store.Erased{}) {
		t.Errorf("of whom nothing is on record: got %+v, %v", erased, err)
	}
	if _, err := s.EraseEmployee(t.Context(), 5, 0); err != nil {
		t.Errorf("again: %v", err)
	}
	late := prediction(5, time.Now())
	late.EmployeeGeneration = 2 // the first that is given
	if recorded, err := s.RecordPredictions(t.Context(), []store.Prediction{late}, false); err != nil || recorded.Added != 0 {
		t.Errorf("her late row: got %+v, %v", recorded, err)
	}

	mustCreate(t, s, store.Employee{ID: math.MaxInt32})
	mustCreate(t, s, store.Employee{}) // no number follows the highest one
	if _, err := s.EraseEmployee(t.Context(), 7, 0); err != nil {
		t.Errorf("after the highest number was given: %v", err)
	}

	large := make([]store.Employee, 2_000)
	for i := range large {
		large[i] = store.Employee{ID: int32(i) + 100, Profile: whole(int32(i))}
	}
	_, err := s.ImportEmployees(t.Context(), large, true, once(func() {
		if _, err := s.EraseEmployee(t.Context(), 100, 0); err != nil && !errors.Is(err, store.ErrUnavailable) && !errors.Is(err, store.ErrTimeout) {
			t.Errorf("while she comes: %v", err)
		}
	}))
	if err != nil {
		t.Fatal(err)
	}
	if now, err := s.Employee(t.Context(), 100); err == nil {
		p := prediction(100, time.Now())
		p.EmployeeGeneration = now.Generation
		mustRecord(t, s, p)
	}
}

// A person whose number somebody else has by now is erased by her generation, and a late
// conflict of an erased one is not kept.
func formerPersonIsErased(t *testing.T, s store.Store) {
	ana := mustCreate(t, s, store.Employee{ID: 1, Profile: whole(1)})
	of := func(e *store.Employee) store.Prediction {
		p := prediction(e.ID, time.Now())
		p.EmployeeGeneration = e.Generation
		return p
	}
	hers := of(ana)
	mustRecord(t, s, hers)
	mustDelete(t, s, 1)
	bob := mustCreate(t, s, store.Employee{ID: 1, Profile: whole(2)})
	his := of(bob)
	mustRecord(t, s, his)
	erased, err := s.EraseEmployee(t.Context(), 1, ana.Generation)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, erased, store.Erased{Predictions: 1})
	if got, err := s.Employee(t.Context(), 1); err != nil || got.Latest == nil || got.Latest.ID != his.ID {
		t.Errorf("another person's: got %+v, %v", got, err)
	}
	conflict := of(ana)
	conflict.ID, conflict.Probability = his.ID, 0.9
	if _, err := s.RecordPredictions(t.Context(), []store.Prediction{conflict}, true); err != nil {
		t.Fatal(err)
	}
	if conflicts, err := s.ListConflicts(t.Context(), 0, 10); err != nil || len(conflicts.Rows) != 0 {
		t.Errorf("a late conflict of hers is kept: %v", err)
	}
}

// once is progress that calls something the first time.
func once(call func()) func(int) {
	first := sync.OnceFunc(call)
	return func(int) { first() }
}
