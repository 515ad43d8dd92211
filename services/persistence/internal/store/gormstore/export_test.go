package gormstore

import (
	"context"
	"fmt"
	"testing"
)

// Classify is classify, for tests.
func Classify(err error) error { return classify(err, err) }

// AnalyseNew is analyseNew, for tests.
func (s *Store) AnalyseNew(ctx context.Context) error { return s.analyseNew(ctx) }

// SetMaxPages lets the file grow to so many pages, which is what a disk with so much room
// looks like to SQLite.
func (s *Store) SetMaxPages(t *testing.T, pages int) {
	t.Helper()
	if err := s.write.Exec(fmt.Sprintf("PRAGMA max_page_count = %d", pages)).Error; err != nil {
		t.Fatal(err)
	}
}

// PretendNewer makes the schema one of a later release, for programs from a version on.
func (s *Store) PretendNewer(t *testing.T, version, oldest int64) {
	t.Helper()
	for _, statement := range []string{
		fmt.Sprintf("DELETE FROM goose_db_version WHERE version_id = %d", version),
		fmt.Sprintf("INSERT INTO goose_db_version (version_id, is_applied) VALUES (%d, true)", version),
		fmt.Sprintf("UPDATE schema_compatibility SET oldest_program = %d", oldest),
	} {
		if err := s.write.Exec(statement).Error; err != nil {
			t.Fatal(err)
		}
	}
}

// Execute executes a statement of a test.
func (s *Store) Execute(t *testing.T, statement string) {
	t.Helper()
	if err := s.TryExecute(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
}

// TryExecute runs a statement of SQL that may be refused.
func (s *Store) TryExecute(ctx context.Context, statement string) error {
	return s.write.WithContext(ctx).Exec(statement).Error //nolint:wrapcheck // a test's
}
