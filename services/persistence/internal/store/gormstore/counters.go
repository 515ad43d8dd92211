package gormstore

import (
	"context"
	"fmt"
	"math"

	"gorm.io/gorm"
)

// The counters, whose numbers are given once and never again. Each is moved by one
// statement of its own, before what needs the number: nobody waits for another's
// transaction, and a number that was not used after all is a gap.
const (
	counterID         = "employee_id"
	counterGeneration = "employee_generation"
	counterCommit     = "prediction_commit" // SQLite only; see insertStatement
)

// advance moves a counter on by so many numbers and returns the last of them.
func advance(db *gorm.DB, name string, by int) (int64, error) {
	var value int64
	err := scan(db.Raw("UPDATE counters SET value = value + ? WHERE name = ? RETURNING value", by, name), &value)
	if err != nil {
		return 0, fmt.Errorf("count %s: %w", name, err)
	}
	return value, nil
}

// nextGeneration is the generation of a person who comes on record now.
func (s *Store) nextGeneration(ctx context.Context) (int32, error) {
	value, err := advance(s.write.WithContext(ctx), counterGeneration, 1)
	return int32(value), err
}

// takeID says that a number is somebody's: it will not be the next one.
func (s *Store) takeID(ctx context.Context, id int32) error {
	err := s.write.WithContext(ctx).Exec("UPDATE counters SET value = ? WHERE name = ? AND value < ?", id, counterID, id).Error
	if err != nil {
		return fmt.Errorf("count %s: %w", counterID, err)
	}
	return nil
}

// nextID is a number that nobody ever had; when the highest there can be was given, the
// first that nobody has.
func (s *Store) nextID(ctx context.Context) (int32, error) {
	value, err := advance(s.write.WithContext(ctx), counterID, 1)
	if err != nil || value <= math.MaxInt32 {
		return int32(value), err
	}
	var gap int32
	err = scan(s.write.WithContext(ctx).Raw(`SELECT CASE WHEN NOT EXISTS (SELECT 1 FROM employees WHERE id = 1) THEN 1 ELSE (
		SELECT min(id) + 1 FROM employees AS e WHERE id < ? AND NOT EXISTS (SELECT 1 FROM employees AS n WHERE n.id = e.id + 1)
	) END`, math.MaxInt32), &gap)
	if err != nil {
		return 0, fmt.Errorf("find a free id: %w", err)
	}
	return gap, nil
}
