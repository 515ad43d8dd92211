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
	if change := store.ChangeOf(ctx); change != nil { // also whom it does not change it compares with
		change.EmployeeIDs = idsOf(employees)
	}
	if !write {
		counts, _, err := sortOut(s.read.WithContext(ctx), employees, 0)
		return counts, err
	}
	// One generation serves all whom the import adds: they are different numbers.
	generation, err := s.nextGeneration(ctx)
	if err != nil {
		return store.ImportCounts{}, err
	}
	highest := int32(0)
	for i := range employees {
		highest = max(highest, employees[i].ID)
	}
	if err := s.takeID(ctx, highest); err != nil {
		return store.ImportCounts{}, err
	}
	if s.dialect == SQLite {
		return s.importSQLite(ctx, employees, generation, progress)
	}
	var counts store.ImportCounts
	err = s.write.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
		var rows []employeeRow
		var err error
		if counts, rows, err = sortOut(tx, employees, generation); err != nil {
			return err
		}
		done := counts.Unchanged
		progress(done)
		for part := range slices.Chunk(rows, s.rowsPerInsert()) {
			if err := upsert(tx, part); err != nil {
				return err
			}
			done += len(part)
			progress(done)
		}
		if err := welcome(tx); err != nil {
			return err
		}
		return keepChange(tx)
	})
	if errors.Is(err, gorm.ErrDuplicatedKey) {
		return store.ImportCounts{}, store.ErrChanged
	}
	return counts, err //nolint:wrapcheck // said inside
}

func idsOf(employees []store.Employee) []int32 {
	ids := make([]int32, len(employees))
	for i := range employees {
		ids[i] = employees[i].ID
	}
	return ids
}

// upsert writes rows. One whom another call added meanwhile stays the person that she is.
func upsert(tx *gorm.DB, rows []employeeRow) error {
	err := tx.Clauses(clause.OnConflict{Columns: []clause.Column{{Name: "id"}}, DoUpdates: changedColumns(tx)}).Create(&rows).Error
	if err != nil {
		return fmt.Errorf("write %d employees: %w", len(rows), err)
	}
	return addLatest(tx, rows)
}

// changedColumns are the columns that an import changes of an employee on record.
func changedColumns(tx *gorm.DB) clause.Set {
	names := slices.DeleteFunc(employeeColumns(tx), func(name string) bool {
		return slices.Contains([]string{"id", "generation", "create_time"}, name)
	})
	return clause.AssignmentColumns(names)
}

// employeeColumns are the columns of employees.
func employeeColumns(tx *gorm.DB) []string {
	statement := &gorm.Statement{DB: tx}
	_ = statement.Parse(&employeeRow{}) // it was parsed before: it cannot fail
	return slices.Clone(statement.Schema.DBNames)
}

// sortOut compares employees with the record and returns the rows to write; those who
// are new get the generation.
func sortOut(db *gorm.DB, employees []store.Employee, generation int32) (store.ImportCounts, []employeeRow, error) {
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
		employee.CreateTime, employee.UpdateTime, employee.Revision, employee.Generation = now, now, 1, generation
		if before, ok := onRecord[employee.ID]; ok {
			if reflect.DeepEqual(before.Profile, employee.Profile) {
				counts.Unchanged++
				continue
			}
			employee.DisplayName, employee.CreateTime, employee.Revision = before.DisplayName, before.CreateTime, before.Revision+1
			employee.Generation = before.Generation
			counts.Updated++
		} else {
			counts.Created++
		}
		rows = append(rows, employeeToRow(&employee))
	}
	return counts, rows, nil
}
