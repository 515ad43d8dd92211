package gormstore

import (
	"context"
	"fmt"
	"log/slog"
	"time"
)

// analyseInterval is how often it is looked for tables that were never analysed.
const analyseInterval = 20 * time.Second

// KeepAnalysed lets PostgreSQL analyse tables that were filled and of which it knows
// nothing yet, until ctx ends: by itself it may come to it a minute after an import, and
// lists would be slow until then.
func (s *Store) KeepAnalysed(ctx context.Context, log *slog.Logger) {
	for s.dialect == Postgres {
		if err := s.analyseNew(ctx); err != nil && ctx.Err() == nil {
			log.DebugContext(ctx, "analyse new tables", "error", err)
		}
		select {
		case <-time.After(analyseInterval):
		case <-ctx.Done():
			return
		}
	}
	<-ctx.Done()
}

func (s *Store) analyseNew(ctx context.Context) error {
	const filled = 1_000
	var tables []string
	err := scan(s.read.WithContext(ctx).Raw(`SELECT relname FROM pg_stat_user_tables
		WHERE relname IN ('employees', 'latest_scores', 'predictions') AND schemaname = current_schema()
			AND last_analyze IS NULL AND last_autoanalyze IS NULL AND n_live_tup > ?`, filled), &tables)
	if err != nil {
		return fmt.Errorf("look for tables that were never analysed: %w", err)
	}
	for _, table := range tables {
		if err := s.write.WithContext(ctx).Exec("ANALYZE " + table).Error; err != nil {
			return fmt.Errorf("analyse %s: %w", table, err)
		}
	}
	return nil
}
