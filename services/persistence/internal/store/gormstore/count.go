package gormstore

import (
	"encoding/json"
	"fmt"

	"gorm.io/gorm"
)

// count returns how many rows a filtered table has, exactly up to a limit, so
// that a page never costs a count of a million rows. Beyond it PostgreSQL's planner
// estimates, and on SQLite, which has none, a sample does. number is a column of the
// table's ascending whole numbers, with the table's name or alias before it.
func (s *Store) count(filtered *gorm.DB, table, number string, limit int) (total int, estimated bool, err error) {
	counted, err := s.countTo(filtered, limit)
	if err != nil || counted <= limit {
		return counted, false, err
	}
	total, err = s.estimate(filtered, table, number)
	return max(total, counted), true, err
}

// estimate says how many rows a filtered table may have.
func (s *Store) estimate(filtered *gorm.DB, table, number string) (total int, err error) {
	fresh := s.read.WithContext(filtered.Statement.Context)
	if s.dialect == Postgres {
		total, err = planned(fresh, filtered)
	} else {
		total, err = sampled(fresh, filtered, table, number)
	}
	if err != nil {
		return 0, fmt.Errorf("estimate the size of %s: %w", table, err)
	}
	return total, nil
}

// countTo counts rows up to one more than the limit.
func (s *Store) countTo(filtered *gorm.DB, limit int) (int, error) {
	return countIn(s.read.WithContext(filtered.Statement.Context), filtered, limit)
}

func countIn(fresh, filtered *gorm.DB, limit int) (int, error) {
	var counted int64
	bounded := filtered.Select("1").Limit(limit + 1)
	if err := fresh.Table("(?) AS bounded", bounded).Count(&counted).Error; err != nil {
		return 0, fmt.Errorf("count: %w", err)
	}
	return int(counted), nil
}

// planned returns how many rows PostgreSQL's planner expects of a query.
func planned(fresh, filtered *gorm.DB) (int, error) {
	var raw string
	if err := scan(fresh.Raw("EXPLAIN (FORMAT JSON) ?", filtered.Select("1")), &raw); err != nil {
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

// sampled looks at numbers that are spread evenly over a table's span, and takes the
// span for as full of the filter's rows as they are.
func sampled(fresh, filtered *gorm.DB, table, number string) (int, error) {
	const samples = 1000
	var span struct{ Low, High int64 }
	// Each by itself: SQLite reads all rows for the two of one query.
	low, high := fresh.Table(table).Select("min("+number+")"), fresh.Table(table).Select("max("+number+")")
	if err := scan(fresh.Raw("SELECT (?) AS low, (?) AS high", low, high), &span); err != nil {
		return 0, err //nolint:wrapcheck // the caller says what it was doing
	}
	step := max((span.High-span.Low)/samples, 1)
	var found struct{ Looked, Matched int64 }
	err := scan(fresh.Raw(`WITH RECURSIVE sample(n) AS (SELECT ? UNION ALL SELECT n + ? FROM sample WHERE n + ? <= ?)
		SELECT (SELECT count(*) FROM sample) AS looked, (SELECT count(*) FROM (?)) AS matched`,
		span.Low+step/2, step, step, span.High, //nolint:mnd // from the middle of the first step
		filtered.Where(number+" IN (SELECT n FROM sample)").Select("1")), &found)
	if err != nil {
		return 0, err //nolint:wrapcheck // the caller says what it was doing
	}
	return int(float64(span.High-span.Low+1) * float64(found.Matched) / float64(max(found.Looked, 1))), nil
}
