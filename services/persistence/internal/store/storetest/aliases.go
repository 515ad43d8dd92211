package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/futurisys/futurisys/services/persistence/internal/store"
)

func journalOfAliases(t *testing.T, s store.Store) {
	now := time.Now().UTC().Truncate(time.Microsecond)
	first := store.AliasChange{Alias: "champion", Kind: 1, To: 1, ToRevision: "sha256:a", ChangedBy: "Zoé", Comment: "é", ChangeTime: now}
	second := store.AliasChange{Alias: "champion", Kind: 2, From: 1, To: 2, Forced: true, ChangeTime: now.Add(time.Hour)}
	appended := func(repository, model string, last int32, changes ...store.AliasChange) error {
		return s.AppendAliasChanges(t.Context(), repository, model, last, changes)
	}
	if err := errors.Join(appended("folder", "attrition", 0, first), appended("folder", "attrition", 1, second), appended("hf://a/b", "b", 0, second)); err != nil {
		t.Fatal(err)
	}
	fails(t, appended("folder", "attrition", 1, second), store.ErrChanged)
	fails(t, appended("folder", "attrition", 7, second), store.ErrChanged)
	for name, test := range map[string]struct {
		known map[string]int32
		want  []store.AliasJournal
	}{
		"from the start": {nil, []store.AliasJournal{{Model: "attrition", FirstEntry: 1, Changes: []store.AliasChange{first, second}}}},
		"what is new":    {map[string]int32{"attrition": 1}, []store.AliasJournal{{Model: "attrition", FirstEntry: 2, Changes: []store.AliasChange{second}}}},
		"nothing new":    {map[string]int32{"attrition": 2}, []store.AliasJournal{{Model: "attrition", FirstEntry: 3}}},
		"set back":       {map[string]int32{"attrition": 5}, []store.AliasJournal{{Model: "attrition", FirstEntry: 3}}},
	} {
		got, err := s.AliasChanges(t.Context(), "folder", test.known)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		equal(t, got, test.want)
	}
	// Of many who know the same last entry one is let in.
	var all sync.WaitGroup
	failures := make(chan error, 10)
	for i := range cap(failures) {
		all.Go(func() {
			change := store.AliasChange{Alias: "champion", Kind: 2, Comment: fmt.Sprint(i), ChangeTime: now}
			failures <- s.AppendAliasChanges(context.Background(), "folder", "attrition", 2, []store.AliasChange{change})
		})
	}
	all.Wait()
	close(failures)
	added := 0
	for err := range failures {
		if err == nil {
			added++
		} else if !errors.Is(err, store.ErrChanged) {
			t.Error(err)
		}
	}
	if added != 1 {
		t.Errorf("%d were let in", added)
	}
}

func followersOfAliases(t *testing.T, s store.Store) {
	now := time.Now().UTC().Truncate(time.Microsecond)
	see := func(name string, applied map[string]int32, seen time.Time) {
		if err := s.SeeAliasFollower(t.Context(), "folder", store.AliasFollower{Copy: name, Applied: applied, Seen: seen}); err != nil {
			t.Fatal(err)
		}
	}
	see("a", map[string]int32{"attrition": 1}, now.Add(-time.Minute))
	see("b", nil, now)
	see("a", map[string]int32{"attrition": 1}, now)
	see("a", map[string]int32{"attrition": 2}, now.Add(time.Second))
	see("c", nil, now.Add(-10*time.Minute))
	got, err := s.AliasFollowers(t.Context(), "folder", now.Add(-time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	equal(t, got, []store.AliasFollower{{Copy: "a", Applied: map[string]int32{"attrition": 2}, Seen: now.Add(time.Second)}, {Copy: "b", Seen: now}})
	if err := s.ForgetAliasFollower(t.Context(), "folder", "a"); err != nil {
		t.Fatal(err)
	}
	if got, err = s.AliasFollowers(t.Context(), "folder", now); err != nil || len(got) != 1 {
		t.Errorf("got %v, %v", got, err)
	}
}
