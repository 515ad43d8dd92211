package gormstore

import (
	"context"
	"fmt"
	"slices"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/futurisys/futurisys/services/persistence/internal/store"
)

// insertSQLite adds the rows whose id is not there, all or none, and says how many. One
// transaction writes at a time, so that the order of the numbers is that of the commits.
func (s *Store) insertSQLite(ctx context.Context, rows []predictionRow) (int, error) {
	added := 0
	err := s.record.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
		last, err := advance(tx, counterCommit, len(rows))
		if err != nil {
			return err
		}
		first := last - int64(len(rows)) + 1
		for i := range rows {
			rows[i].CommitSequence = first + int64(i)
		}
		for part := range slices.Chunk(rows, s.rowsPerInsert()) {
			done := tx.Clauses(clause.OnConflict{Columns: []clause.Column{{Name: "id"}}, DoNothing: true}).Create(&part)
			if done.Error != nil {
				return fmt.Errorf("record %d predictions: %w", len(part), done.Error)
			}
			added += int(done.RowsAffected)
		}
		if !slices.ContainsFunc(rows, func(r predictionRow) bool { return r.EmployeeID != nil && r.Kind == store.Score }) {
			return nil
		}
		return moveLatest(tx, first)
	})
	if err == nil {
		err = s.file.check() // or what was written is gone with the process
	}
	return added, err //nolint:wrapcheck // said inside
}

// moveLatest lets the newest score of each person among the rows from a place in the
// order of commits take the place of an older one. The index is named, or SQLite may read
// all predictions in the order of their employees.
func moveLatest(tx *gorm.DB, first int64) error {
	err := tx.Exec(`UPDATE latest_scores SET prediction_id = newest.id, model = newest.model, model_version = newest.model_version,
			probability = newest.probability, positive = newest.positive, risk_band = newest.risk_band, create_time = newest.create_time
		FROM (
			SELECT id, employee_id, employee_generation, model, model_version, probability, positive, risk_band, create_time,
				row_number() OVER (PARTITION BY employee_id, employee_generation ORDER BY create_time DESC, id DESC) AS place
			FROM predictions INDEXED BY predictions_by_commit_sequence WHERE commit_sequence >= ? AND kind < 2 AND employee_id IS NOT NULL
		) AS newest
		WHERE newest.place = 1 AND latest_scores.employee_id = newest.employee_id AND latest_scores.generation = newest.employee_generation
			AND (latest_scores.create_time IS NULL
				OR (newest.create_time, newest.id) > (latest_scores.create_time, latest_scores.prediction_id))`, first).Error
	if err != nil {
		return fmt.Errorf("move the newest scores: %w", err)
	}
	return nil
}
