package gormstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/futurisys/futurisys/services/persistence/internal/store"
)

// erasureRow is a row of erasures.
type erasureRow struct {
	EmployeeID      int32 `gorm:"primaryKey;autoIncrement:false"`
	FirstGeneration int32 `gorm:"primaryKey;autoIncrement:false"`
	LastGeneration  int32
	EraseTime       instant
}

// TableName is the table's name.
func (erasureRow) TableName() string { return "erasures" }

// EraseEmployee removes all of a person; see store.Employees.
func (s *Store) EraseEmployee(ctx context.Context, id, generation int32) (store.Erased, error) {
	var erased store.Erased
	err := s.write.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
		if s.dialect == Postgres { // what comes on record at this moment would be seen by neither
			if err := tx.Exec("LOCK TABLE employees, predictions, prediction_conflicts IN SHARE ROW EXCLUSIVE MODE").Error; err != nil {
				return fmt.Errorf("wait for what is recorded: %w", err)
			}
		}
		erasure, err := erasureOf(tx, id, generation)
		if err != nil {
			return err
		}
		if err := tx.Clauses(clause.OnConflict{UpdateAll: true}).Create(erasure).Error; err != nil {
			return fmt.Errorf("keep that employee %d is erased: %w", id, err)
		}
		if erased, err = eraseRows(tx, erasure); err != nil {
			return fmt.Errorf("erase employee %d: %w", id, err)
		}
		return keepChange(tx, id)
	})
	if err != nil {
		return store.Erased{}, err //nolint:wrapcheck // said inside
	}
	return erased, s.forget(ctx)
}

// erasureOf says whom an erasure is of: the person of a generation, or without one the present
// one, or when nobody has the number all who had it. store.ErrNotFound: nobody ever had it.
func erasureOf(tx *gorm.DB, id, generation int32) (*erasureRow, error) {
	erasure := &erasureRow{EmployeeID: id, FirstGeneration: generation, LastGeneration: generation, EraseTime: at(time.Now())}
	if generation > 0 {
		return erasure, nil
	}
	employee, err := employeeByID(tx, id)
	if err == nil {
		erasure.FirstGeneration, erasure.LastGeneration = employee.Generation, employee.Generation
		return erasure, nil
	}
	if !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	var given int64 // beyond the numbers there can be, when the highest was given
	err = errors.Join(
		scan(tx.Raw("SELECT value FROM counters WHERE name = ?", counterID), &given),
		scan(tx.Raw("SELECT value FROM counters WHERE name = ?", counterGeneration), &erasure.LastGeneration))
	if err != nil {
		return nil, fmt.Errorf("read the numbers that were given: %w", err)
	}
	if int64(id) > given {
		return nil, store.ErrNotFound
	}
	return erasure, nil
}

// welcome lets nobody who is on record now count as erased: a person may get her generation
// before the number's former ones are erased, and come on record after it.
func welcome(tx *gorm.DB) error {
	const now = "SELECT 1 FROM employees AS e WHERE e.id = erasures.employee_id AND e.generation BETWEEN erasures.first_generation AND erasures.last_generation"
	err := tx.Exec("UPDATE erasures SET last_generation = (SELECT e.generation - 1 FROM employees AS e WHERE e.id = erasures.employee_id) WHERE EXISTS (" + now + ")").Error
	if err != nil {
		return fmt.Errorf("tell new persons from erased ones: %w", err)
	}
	return nil
}

// eraseRows removes what is on record of an erasure's persons.
func eraseRows(tx *gorm.DB, erasure *erasureRow) (erased store.Erased, err error) {
	employeeID, generation := "CAST(json_extract(prediction, '$.EmployeeID') AS INTEGER)", "CAST(json_extract(prediction, '$.EmployeeGeneration') AS INTEGER)"
	if tx.Name() == Postgres {
		employeeID, generation = "CAST(prediction ->> 'EmployeeID' AS integer)", "CAST(prediction ->> 'EmployeeGeneration' AS integer)"
	}
	whose := []any{erasure.EmployeeID, erasure.FirstGeneration, erasure.LastGeneration}
	for _, rows := range []struct {
		of  any
		sql string
	}{
		{&conflictRow{}, employeeID + " = ? AND " + generation + " BETWEEN ? AND ?"},
		{&predictionRow{}, "employee_id = ? AND employee_generation BETWEEN ? AND ?"},
	} {
		done := tx.Where(rows.sql, whose...).Delete(rows.of)
		if done.Error != nil {
			return store.Erased{}, done.Error
		}
		erased.Predictions += int(done.RowsAffected)
	}
	// Her newest score goes with her record.
	done := tx.Where("id = ? AND generation BETWEEN ? AND ?", whose...).Delete(&employeeRow{})
	erased.Record = done.RowsAffected > 0
	return erased, done.Error
}

// forget lets SQLite keep nothing of what was removed: the pages are overwritten as it is
// removed (secure_delete), and here what the index of the search and the log beside the file
// still have of them. store.ErrUnavailable: somebody reads the log for longer than that waits.
func (s *Store) forget(ctx context.Context) error {
	if s.dialect != SQLite {
		return nil
	}
	write := s.write.WithContext(context.WithoutCancel(ctx))
	for _, index := range []string{"employee_search", "employee_words"} { // what was removed is only marked so until then
		if err := write.Exec(fmt.Sprintf("INSERT INTO %[1]s (%[1]s) VALUES ('optimize')", index)).Error; err != nil {
			return fmt.Errorf("write over what was erased: %w", err)
		}
	}
	var busy int
	if err := write.Raw("PRAGMA wal_checkpoint(TRUNCATE)").Row().Scan(&busy, new(int), new(int)); err != nil {
		return fmt.Errorf("write over what was erased: %w", err)
	}
	if busy != 0 {
		return fmt.Errorf("%w: she is erased, but the log beside the database is being read and still has some of her: erase again", store.ErrUnavailable)
	}
	return nil
}
