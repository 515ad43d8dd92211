package storetest

import (
	"testing"

	"github.com/futurisys/futurisys/services/persistence/internal/store"
)

func importCountsAndIsRepeated(t *testing.T, s store.Store) {
	mustCreate(t, s, store.Employee{ID: 1, DisplayName: "kept", Profile: whole(1)})
	before := mustCreate(t, s, store.Employee{ID: 2, DisplayName: "kept", Profile: whole(2)})
	files := []store.Employee{{ID: 1, Profile: whole(1)}, {ID: 2, Profile: whole(99)}, {ID: 3, Profile: whole(3)}}
	var steps []int
	counts, err := s.ImportEmployees(t.Context(), files, true, func(done int) { steps = append(steps, done) })
	if err != nil {
		t.Fatal(err)
	}
	equal(t, counts, store.ImportCounts{Created: 1, Updated: 1, Unchanged: 1})
	equal(t, steps, []int{1, 3})
	changed, err := s.Employee(t.Context(), 2)
	if err != nil {
		t.Fatal(err)
	}
	if changed.DisplayName != "kept" || changed.Revision != 2 || !changed.CreateTime.Equal(before.CreateTime) {
		t.Errorf("an import keeps name and creation, and counts as a change: %+v", changed)
	}
	equal(t, changed.Profile, whole(99))
	if counts, err = s.ImportEmployees(t.Context(), files, true, func(int) {}); err != nil {
		t.Fatal(err)
	}
	equal(t, counts, store.ImportCounts{Unchanged: 3})
}

func importWithoutWriting(t *testing.T, s store.Store) {
	counts, err := s.ImportEmployees(t.Context(), []store.Employee{{ID: 1, Profile: whole(1)}}, false, func(int) {})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, counts, store.ImportCounts{Created: 1})
	_, err = s.Employee(t.Context(), 1)
	fails(t, err, store.ErrNotFound)
}

func importOfMany(t *testing.T, s store.Store) {
	const many = 2345 // more than one statement holds
	files := make([]store.Employee, many)
	ids := make([]int32, many)
	for i := range files {
		files[i] = store.Employee{ID: int32(i + 1), Profile: whole(int32(i))}
		ids[i] = int32(i + 1)
	}
	if _, err := s.ImportEmployees(t.Context(), files, true, func(int) {}); err != nil {
		t.Fatal(err)
	}
	read, err := s.EmployeesByID(t.Context(), ids)
	if err != nil || len(read) != many {
		t.Fatalf("read %d of %d: %v", len(read), many, err)
	}
	for i := range read {
		equal(t, read[i].Profile, files[i].Profile)
	}
}
