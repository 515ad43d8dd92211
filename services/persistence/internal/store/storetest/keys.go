package storetest

import (
	"testing"
	"time"

	"github.com/futurisys/futurisys/services/persistence/internal/store"
)

func keysOfCallers(t *testing.T, s store.Store) {
	now := time.Now().UTC().Truncate(time.Microsecond)
	keys := []store.Key{
		{ID: "b", Name: "payroll", Owner: "payroll", SHA256: "00", Roles: []string{"scorer", "viewer"}, CreatedBy: "ada", CreateTime: now, ExpireTime: new(now.Add(time.Hour))},
		{ID: "a", Name: "Zoé", Owner: "zoe", SHA256: "01", Roles: []string{"analyst"}, CreatedBy: "ada", CreateTime: now.Add(-time.Hour)},
	}
	before, err := s.KeysChange(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range keys {
		if err := s.CreateKey(by(t, key.ID), key); err != nil {
			t.Fatal(err)
		}
	}
	list := func() []store.Key {
		t.Helper()
		got, err := s.ListKeys(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	equal(t, list(), keys)
	if err := s.UseKeys(t.Context(), []string{"a", "nobody's"}); err != nil {
		t.Fatal(err)
	}
	used := list()[1]
	if used.LastUseTime == nil || time.Since(*used.LastUseTime) > time.Minute {
		t.Errorf("got %v", used.LastUseTime)
	}
	if err := s.UseKeys(t.Context(), []string{"a"}); err != nil || !list()[1].LastUseTime.Equal(*used.LastUseTime) {
		t.Errorf("each use is written: %v", err)
	}
	revoked, err := s.RevokeKey(by(t, "revoked"), "a")
	if err != nil || revoked.RevokeTime == nil {
		t.Fatalf("got %+v, %v", revoked, err)
	}
	if again, err := s.RevokeKey(t.Context(), "a"); err != nil || !again.RevokeTime.Equal(*revoked.RevokeTime) {
		t.Errorf("again: got %+v, %v", again, err)
	}
	_, err = s.RevokeKey(t.Context(), "c")
	fails(t, err, store.ErrNotFound)
	if after, err := s.KeysChange(t.Context()); err != nil || after != before+3 {
		t.Errorf("%d changes, %v", after-before, err)
	}
	if page := mustListEvents(t, s, store.AuditQuery{Limit: 10}); len(page.Rows) != 3 {
		t.Errorf("%d of three changes are kept", len(page.Rows))
	}
}
