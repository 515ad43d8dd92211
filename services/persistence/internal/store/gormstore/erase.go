package gormstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"

	"github.com/futurisys/futurisys/services/persistence/internal/store"
)

// erasureRow is a row of erasures.
type erasureRow struct {
	EmployeeID      int32 `gorm:"primaryKey;autoIncrement:false"`
	FirstGeneration int32 `gorm:"primaryKey;autoIncrement:false"`
	LastGeneration  int32 `gorm:"primaryKey;autoIncrement:false"`
	EraseTime       instant
}

// TableName is the table's name.
func (erasureRow) TableName() string { return "erasures" }

// EraseEmployee removes all of a person; see store.Employees.
func (s *Store) EraseEmployee(ctx context.Context, id int32) (store.Erased, error) {
	var erased store.Erased
	err := s.write.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
		erased = store.Erased{}
		if s.dialect == Postgres { // what is recorded at this moment would be seen by neither
			if err := tx.Exec("LOCK TABLE predictions, prediction_conflicts IN SHARE ROW EXCLUSIVE MODE").Error; err != nil {
				return fmt.Errorf("wait for what is recorded: %w", err)
			}
		}
		erasure := erasureRow{EmployeeID: id, EraseTime: at(time.Now())}
		employee, err := employeeByID(tx, id)
		switch {
		case err == nil:
			erased.Record = true
			erasure.FirstGeneration, erasure.LastGeneration = employee.Generation, employee.Generation
		case errors.Is(err, store.ErrNotFound): // whoever had the number
			if err := scan(tx.Raw("SELECT value FROM counters WHERE name = ?", counterGeneration), &erasure.LastGeneration); err != nil {
				return fmt.Errorf("read the generations: %w", err)
			}
		default:
			return err
		}
		if err := tx.Save(&erasure).Error; err != nil {
			return fmt.Errorf("keep that employee %d is erased: %w", id, err)
		}
		if erased.Predictions, err = eraseRows(tx, &erasure); err != nil {
			return fmt.Errorf("erase employee %d: %w", id, err)
		}
		if !erased.Record && erased.Predictions == 0 {
			return store.ErrNotFound
		}
		return keepChange(tx, id)
	})
	if err != nil {
		return store.Erased{}, err //nolint:wrapcheck // said inside
	}
	return erased, s.forget(ctx)
}

// eraseRows removes what is on record of an erasure's persons, and counts predictions.
func eraseRows(tx *gorm.DB, erasure *erasureRow) (predictions int, err error) {
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
			return 0, done.Error
		}
		predictions += int(done.RowsAffected)
	}
	// Her newest score goes with her record.
	return predictions, tx.Where("id = ? AND generation BETWEEN ? AND ?", whose...).Delete(&employeeRow{}).Error
}

// forget lets SQLite keep nothing of what was removed: the pages are overwritten as it is
// removed (secure_delete), and here what the log beside the file still has of them.
func (s *Store) forget(ctx context.Context) error {
	if s.dialect != SQLite {
		return nil
	}
	write := s.write.WithContext(context.WithoutCancel(ctx))
	for _, statement := range []string{
		"INSERT INTO employee_search (employee_search) VALUES ('optimize')", // what was removed is only marked so until then
		"INSERT INTO employee_words (employee_words) VALUES ('optimize')",
		"PRAGMA wal_checkpoint(TRUNCATE)",
	} {
		if err := write.Exec(statement).Error; err != nil {
			return fmt.Errorf("write over what was erased: %w", err)
		}
	}
	return nil
}
