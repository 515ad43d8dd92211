package gormstore

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"gorm.io/gorm"

	"github.com/futurisys/futurisys/services/persistence/internal/store"
)

// Retention is for how long what is on record is kept.
type Retention struct {
	Predictions, AuditEvents time.Duration
}

// beforeTime is the condition of what is older than a time.
const beforeTime = "create_time < ?"

const (
	// retentionInterval is how often it is looked what is too old, and retentionPause how long
	// others write between two parts of it.
	retentionInterval = time.Hour
	retentionPause    = 50 * time.Millisecond
	// rowsPerRemoval is how many rows one statement removes.
	rowsPerRemoval = 500
)

// KeepRetention removes what is older than it may be, until ctx ends.
func (s *Store) KeepRetention(ctx context.Context, retention Retention, log *slog.Logger) {
	for {
		removed, err := s.RemoveOld(ctx, retention, time.Now())
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			log.Warn("what is too old was not removed", "error", err)
		case removed > 0:
			log.Info("what was too old is removed", "rows", removed)
		}
		select {
		case <-time.After(retentionInterval):
		case <-ctx.Done():
			return
		}
	}
}

// RemoveOld removes what is older than it may be by a time, and says how many rows.
func (s *Store) RemoveOld(ctx context.Context, retention Retention, now time.Time) (removed int, err error) {
	predictions, events := at(now.Add(-retention.Predictions)), at(now.Add(-retention.AuditEvents))
	newest := s.write.WithContext(ctx).Model(&latestRow{}).Where(beforeTime, predictions)
	err = newest.Select("*").Omit("employee_id", "generation").Updates(&latestRow{Probability: store.NoProbability}).Error //nolint:unqueryvet // Select names what is written
	if err != nil {
		return 0, fmt.Errorf("remove the newest scores that are too old: %w", err)
	}
	for _, rows := range []struct {
		of       interface{ TableName() string }
		key, sql string
		before   instant
	}{
		{&predictionRow{}, "id", "kind < 2 AND " + beforeTime, predictions},
		{&predictionRow{}, "id", "kind >= 2 AND " + beforeTime, predictions},
		{&conflictRow{}, "number", beforeTime, predictions},
		{&auditRow{}, "number", beforeTime, events},
	} {
		for {
			write := s.write.WithContext(ctx)
			old := write.Session(&gorm.Session{NewDB: true}).Model(rows.of).Select(rows.key).Where(rows.sql, rows.before).Limit(rowsPerRemoval)
			done := write.Where(rows.key+" IN (?)", old).Delete(rows.of)
			if done.Error != nil {
				return removed, fmt.Errorf("remove what is too old from %s: %w", rows.of.TableName(), done.Error)
			}
			removed += int(done.RowsAffected)
			if done.RowsAffected < rowsPerRemoval {
				break
			}
			select {
			case <-time.After(retentionPause):
			case <-ctx.Done():
				return removed, ctx.Err()
			}
		}
	}
	return removed, nil
}
