package gormstore

import (
	"encoding/json"
	"fmt"

	"gorm.io/gorm"

	"github.com/futurisys/futurisys/services/persistence/internal/store"
)

// count returns how many rows a filtered table has, exactly up to
// store.CountLimit, so that a page never costs a count of a million rows. Beyond
// it PostgreSQL's planner estimates; SQLite has no such planner: without a filter
// the span of its row ids stands in, with one the answer is "more than the limit".
func (s *Store) count(filtered *gorm.DB, table string, narrowed bool) (total int, estimated bool, err error) {
	fresh := s.read.WithContext(filtered.Statement.Context)
	var counted int64
	bounded := filtered.Select("1").Limit(store.CountLimit + 1)
	if err := fresh.Table("(?) AS bounded", bounded).Count(&counted).Error; err != nil {
		return 0, false, fmt.Errorf("count %s: %w", table, err)
	}
	if counted <= store.CountLimit {
		return int(counted), false, nil
	}
	switch {
	case s.dialect == Postgres:
		total, err = planned(fresh, filtered)
	case !narrowed:
		err = fresh.Table(table).Select("max(rowid) - min(rowid) + 1").Scan(&total).Error
	}
	if err != nil {
		return 0, false, fmt.Errorf("estimate the size of %s: %w", table, err)
	}
	return max(total, int(counted)), true, nil
}

// planned returns how many rows PostgreSQL's planner expects of a query.
func planned(fresh, filtered *gorm.DB) (int, error) {
	var raw string
	if err := fresh.Raw("EXPLAIN (FORMAT JSON) ?", filtered.Select("1")).Scan(&raw).Error; err != nil {
		return 0, err //nolint:wrapcheck // the caller says what it was doing
	}
	var plans []struct {
		Plan struct {
			Rows int `json:"Plan Rows"`
		} `json:"Plan"`
	}
	if err := json.Unmarshal([]byte(raw), &plans); err != nil || len(plans) == 0 {
		return 0, fmt.Errorf("read the plan: %w", err)
	}
	return plans[0].Plan.Rows, nil
}
