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
