package gormstore

import "context"

// Classify is classify, for tests.
func Classify(err error) error { return classify(err, err) }

// AnalyseNew is analyseNew, for tests.
func (s *Store) AnalyseNew(ctx context.Context) error { return s.analyseNew(ctx) }
