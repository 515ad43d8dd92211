package gormstore

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/futurisys/futurisys/services/persistence/internal/store"
)

// rowsPerInsert is how many rows one statement has. The SQLite driver looks every
// parameter up among all of the statement's: 1,000 rows take 500 ms by 500, 55 ms
// by 10 (BenchmarkRecord). PostgreSQL gains from long ones; 44 columns a row stay
// under its bound of 65,535 parameters.
func (s *Store) rowsPerInsert() int {
	if s.dialect == SQLite {
		return 10
	}
	return 500
}

// ImportEmployees adds and changes employees; see store.Employees.
func (s *Store) ImportEmployees(ctx context.Context, employees []store.Employee, write bool, progress func(int)) (store.ImportCounts, error) {
	if !write {
		counts, _, err := sortOut(s.read.WithContext(ctx), employees)
		return counts, err
	}
	var counts store.ImportCounts
	err := s.write.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
		var rows []employeeRow
		var err error
		if counts, rows, err = sortOut(tx, employees); err != nil {
			return err
		}
		done := counts.Unchanged
		progress(done)
		for part := range slices.Chunk(rows, s.rowsPerInsert()) {
			if err := tx.Clauses(clause.OnConflict{UpdateAll: true}).Create(&part).Error; err != nil {
				return fmt.Errorf("write %d employees: %w", len(part), err)
			}
			done += len(part)
			progress(done)
		}
		return nil
	})
	if errors.Is(err, gorm.ErrDuplicatedKey) {
		return store.ImportCounts{}, store.ErrChanged
	}
	return counts, err //nolint:wrapcheck // said inside
}

// sortOut compares employees with the record and returns the rows to write.
func sortOut(db *gorm.DB, employees []store.Employee) (store.ImportCounts, []employeeRow, error) {
	ids := make([]int32, len(employees))
	for i := range employees {
		ids[i] = employees[i].ID
	}
	existing, err := employeesByID(db, ids)
	if err != nil {
		return store.ImportCounts{}, nil, err
	}
	onRecord := make(map[int32]*store.Employee, len(existing))
	for i := range existing {
		onRecord[existing[i].ID] = &existing[i]
	}
	var counts store.ImportCounts
	var rows []employeeRow
	now := time.Now()
	for i := range employees {
		employee := employees[i]
		employee.CreateTime, employee.UpdateTime, employee.Revision = now, now, 1
		if before, ok := onRecord[employee.ID]; ok {
			if reflect.DeepEqual(before.Profile, employee.Profile) {
				counts.Unchanged++
				continue
			}
			employee.DisplayName, employee.CreateTime, employee.Revision = before.DisplayName, before.CreateTime, before.Revision+1
			counts.Updated++
		} else {
			counts.Created++
		}
		rows = append(rows, employeeToRow(&employee))
	}
	return counts, rows, nil
}
