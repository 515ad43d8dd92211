package gormstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/futurisys/futurisys/services/persistence/internal/store"
)

// idsPerQuery is how many ids one query has: see rowsPerInsert.
func idsPerQuery(db *gorm.DB) int {
	if db.Name() == SQLite {
		return 500
	}
	return 10_000
}

// Employee reads one; see store.Employees.
func (s *Store) Employee(ctx context.Context, id int32) (*store.Employee, error) {
	var found listed
	err := joinLatest(s.read.WithContext(ctx)).Select(listedColumns).Where("employees.id = ?", id).Take(&found).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, store.ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("read employee %d: %w", id, err)
	}
	employee := found.employee()
	return &employee, nil
}

// EmployeesByID reads several; see store.Employees.
func (s *Store) EmployeesByID(ctx context.Context, ids []int32) ([]store.Employee, error) {
	return employeesByID(s.read.WithContext(ctx), ids)
}

// CreateEmployee adds one; see store.Employees.
func (s *Store) CreateEmployee(ctx context.Context, employee store.Employee) (*store.Employee, error) {
	now := time.Now()
	employee.CreateTime, employee.UpdateTime, employee.Revision = now, now, 1
	var err error
	if employee.Generation, err = s.nextGeneration(ctx); err != nil {
		return nil, err
	}
	if employee.ID != 0 {
		if err := s.takeID(ctx, employee.ID); err != nil {
			return nil, err
		}
		return s.create(ctx, employee)
	}
	// Somebody may give the very number that was free a moment ago: then the next is tried.
	for {
		if employee.ID, err = s.nextID(ctx); err != nil {
			return nil, err
		}
		created, err := s.create(ctx, employee)
		if !errors.Is(err, store.ErrExists) {
			return created, err
		}
	}
}

func (s *Store) create(ctx context.Context, employee store.Employee) (*store.Employee, error) {
	row := employeeToRow(&employee)
	err := s.write.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
		if err := tx.Create(&row).Error; err != nil {
			if errors.Is(err, gorm.ErrDuplicatedKey) {
				return store.ErrExists
			}
			return fmt.Errorf("create the employee: %w", err)
		}
		if err := errors.Join(addLatest(tx, []employeeRow{row}), welcome(tx)); err != nil {
			return err
		}
		return keepChange(tx, row.ID)
	})
	if err != nil {
		return nil, err //nolint:wrapcheck // said inside
	}
	created := row.employee()
	return &created, nil
}

// addLatest gives employees who have none their row of latest_scores.
func addLatest(tx *gorm.DB, employees []employeeRow) error {
	rows := make([]latestRow, len(employees))
	for i := range employees {
		rows[i] = latestRow{EmployeeID: employees[i].ID, Generation: employees[i].Generation, Probability: store.NoProbability}
	}
	if err := tx.Clauses(clause.OnConflict{DoNothing: true}).Create(&rows).Error; err != nil {
		return fmt.Errorf("make place for the newest scores: %w", err)
	}
	return nil
}

// UpdateEmployee changes one; see store.Employees.
func (s *Store) UpdateEmployee(ctx context.Context, id int32, change func(*store.Employee) error) (*store.Employee, error) {
	var changed *store.Employee
	err := s.write.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
		employee, err := employeeByID(tx, id)
		if err != nil {
			return err
		}
		before := employee.Revision
		if err := change(employee); err != nil {
			return err
		}
		employee.UpdateTime, employee.Revision = time.Now(), before+1
		row := employeeToRow(employee)
		// The revision in the condition makes a change in between visible even
		// where the database let both read.
		done := tx.Model(&employeeRow{}).Where("id = ? AND revision = ?", id, before).Select("*").Updates(&row) //nolint:unqueryvet // Select names what is written: all, empty ones too
		if done.Error != nil {
			return fmt.Errorf("update employee %d: %w", id, done.Error)
		}
		if done.RowsAffected == 0 {
			return store.ErrChanged
		}
		updated := row.employee()
		changed = &updated
		return keepChange(tx, id)
	})
	if err != nil {
		return nil, err //nolint:wrapcheck // said inside
	}
	var latest latestRow
	if err := s.read.WithContext(ctx).Take(&latest, "employee_id = ?", id).Error; err != nil && !errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, fmt.Errorf("read the newest score of employee %d: %w", id, err)
	}
	changed.Latest = latest.summary()
	return changed, nil
}

// DeleteEmployee removes one; see store.Employees.
func (s *Store) DeleteEmployee(ctx context.Context, id int32, check func(*store.Employee) error) error {
	return s.write.WithContext(ctx).Transaction(func(tx *gorm.DB) error { //nolint:wrapcheck // said inside
		employee, err := employeeByID(tx, id)
		if err != nil {
			return err
		}
		if err := check(employee); err != nil {
			return err
		}
		done := tx.Where("id = ? AND revision = ?", id, employee.Revision).Delete(&employeeRow{})
		if done.Error != nil {
			return fmt.Errorf("delete employee %d: %w", id, done.Error)
		}
		if done.RowsAffected == 0 {
			return store.ErrChanged
		}
		return keepChange(tx, id)
	})
}

func employeeByID(db *gorm.DB, id int32) (*store.Employee, error) {
	var row employeeRow
	if err := db.Take(&row, "id = ?", id).Error; err != nil {
		if errors.Is(err, gorm.ErrRecordNotFound) {
			return nil, store.ErrNotFound
		}
		return nil, fmt.Errorf("read employee %d: %w", id, err)
	}
	employee := row.employee()
	return &employee, nil
}

func employeesByID(db *gorm.DB, ids []int32) ([]store.Employee, error) {
	out := make([]store.Employee, 0, len(ids))
	for part := range slices.Chunk(ids, idsPerQuery(db)) {
		var rows []employeeRow
		if err := db.Where("id IN ?", part).Order("id").Find(&rows).Error; err != nil {
			return nil, fmt.Errorf("read %d employees: %w", len(part), err)
		}
		for i := range rows {
			out = append(out, rows[i].employee())
		}
	}
	return out, nil
}
