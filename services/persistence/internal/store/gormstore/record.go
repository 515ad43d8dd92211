package gormstore

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/futurisys/futurisys/services/persistence/internal/store"
)

// RecordPredictions adds predictions; see store.Predictions.
func (s *Store) RecordPredictions(ctx context.Context, predictions []store.Prediction, answered bool) (*store.Recorded, error) {
	if err := s.seen.damaged(); err != nil {
		return nil, err
	}
	out, err := s.recordPredictions(ctx, predictions, answered)
	s.seen.recorded(err)
	return out, err
}

func (s *Store) recordPredictions(ctx context.Context, predictions []store.Prediction, answered bool) (*store.Recorded, error) {
	rows := make([]predictionRow, len(predictions))
	for i := range predictions {
		row, err := predictionToRow(&predictions[i])
		if err != nil {
			return nil, err
		}
		rows[i] = row
	}
	// In one order for all, so that two calls with the same ids cannot wait for
	// each other.
	slices.SortFunc(rows, func(a, b predictionRow) int { return strings.Compare(a.ID, b.ID) })
	out := &store.Recorded{}
	insert := s.insertSQLite
	if s.dialect == Postgres {
		insert = s.insertPostgres
	}
	var err error
	if out.Added, err = insert(ctx, rows); err != nil || out.Added == len(rows) {
		return out, err
	}
	// What is on record does not change: it can be read after the insert as well.
	err = s.record.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
		out.Earlier, err = s.earlier(tx, predictions, answered)
		return err
	})
	if err != nil {
		return nil, err //nolint:wrapcheck // said inside
	}
	return out, nil
}

// earlier are the predictions on record that are not just those given, and where
// the given ones have been answered and differ it keeps them as conflicts.
func (s *Store) earlier(tx *gorm.DB, given []store.Prediction, answered bool) ([]store.Prediction, error) {
	kept, err := s.onRecord(tx, given)
	if err != nil {
		return nil, err
	}
	var out []store.Prediction
	var conflicts []conflictRow
	for i := range given {
		first := kept[given[i].ID]
		if first == nil {
			continue // of a person who was erased
		}
		if first.SameAnswer(&given[i]) && first.CreateTime.Equal(given[i].CreateTime) {
			continue
		}
		out = append(out, *first)
		if answered && !first.SameAnswer(&given[i]) {
			row, err := conflictToRow(&given[i], time.Now())
			if err != nil {
				return nil, err
			}
			conflicts = append(conflicts, row)
		}
	}
	for part := range slices.Chunk(conflicts, s.rowsPerInsert()) {
		if err := tx.Clauses(clause.OnConflict{DoNothing: true}).Create(&part).Error; err != nil {
			return nil, fmt.Errorf("keep %d conflicts: %w", len(part), err)
		}
	}
	return out, nil
}

// onRecord are the predictions on record that have the ids of given ones, by id.
func (s *Store) onRecord(tx *gorm.DB, given []store.Prediction) (map[string]*store.Prediction, error) {
	kept := make(map[string]*store.Prediction, len(given))
	for part := range slices.Chunk(given, s.rowsPerInsert()) {
		ids := make([]string, len(part))
		for i := range part {
			ids[i] = part[i].ID
		}
		var rows []predictionRow
		if err := tx.Find(&rows, "id IN ?", ids).Error; err != nil {
			return nil, fmt.Errorf("read what is on record: %w", err)
		}
		for i := range rows {
			prediction, err := rows[i].prediction()
			if err != nil {
				return nil, err
			}
			kept[prediction.ID] = &prediction
		}
	}
	return kept, nil
}

// ListConflicts reads a page; see store.Predictions.
func (s *Store) ListConflicts(ctx context.Context, before int64, limit int) (*store.Page[store.Conflict], error) {
	page := &store.Page[store.Conflict]{}
	var total int64
	if err := s.read.WithContext(ctx).Model(&conflictRow{}).Count(&total).Error; err != nil {
		return nil, fmt.Errorf("count conflicts: %w", err)
	}
	page.Total = int(total)
	query := s.read.WithContext(ctx).Order("number DESC").Limit(limit + 1)
	if before > 0 {
		query = query.Where("number < ?", before)
	}
	var rows []conflictRow
	if err := query.Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("list conflicts: %w", err)
	}
	if page.More = len(rows) > limit; page.More {
		rows = rows[:limit]
	}
	for i := range rows {
		conflict, err := rows[i].conflict()
		if err != nil {
			return nil, err
		}
		page.Rows = append(page.Rows, conflict)
	}
	return page, nil
}
