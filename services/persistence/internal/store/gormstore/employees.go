package gormstore

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"gorm.io/gorm"

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
	employee, err := employeeByID(s.read.WithContext(ctx), id)
	if err != nil {
		return nil, err
	}
	rows := []store.Employee{*employee}
	if err := s.addLatest(ctx, rows); err != nil {
		return nil, err
	}
	return &rows[0], nil
}

// ListEmployees reads a page; see store.Employees.
func (s *Store) ListEmployees(ctx context.Context, query store.EmployeeQuery) (*store.Page[store.Employee], error) {
	filtered := employeeFilter(s.read.WithContext(ctx).Model(&employeeRow{}), query)
	page := &store.Page[store.Employee]{}
	var err error
	if page.Total, page.Estimated, err = s.count(filtered, "employees", employeeFiltered(query)); err != nil {
		return nil, err
	}
	var rows []employeeRow
	if err := employeeOrder(filtered, query).Limit(query.Limit + 1).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("list employees: %w", err)
	}
	if page.More = len(rows) > query.Limit; page.More {
		rows = rows[:query.Limit]
	}
	for i := range rows {
		page.Rows = append(page.Rows, rows[i].employee())
	}
	return page, s.addLatest(ctx, page.Rows)
}

// EmployeesByID reads several; see store.Employees.
func (s *Store) EmployeesByID(ctx context.Context, ids []int32) ([]store.Employee, error) {
	return employeesByID(s.read.WithContext(ctx), ids)
}

// CreateEmployee adds one; see store.Employees.
func (s *Store) CreateEmployee(ctx context.Context, employee store.Employee) (*store.Employee, error) {
	now := time.Now()
	employee.CreateTime, employee.UpdateTime, employee.Revision = now, now, 1
	var row employeeRow
	err := s.write.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
		if employee.ID == 0 {
			var err error
			if employee.ID, err = nextID(tx); err != nil {
				return err
			}
		}
		row = employeeToRow(&employee)
		if err := tx.Create(&row).Error; err != nil {
			if errors.Is(err, gorm.ErrDuplicatedKey) {
				return store.ErrExists
			}
			return fmt.Errorf("create the employee: %w", err)
		}
		return nil
	})
	if err != nil {
		return nil, err //nolint:wrapcheck // said inside
	}
	created := row.employee()
	return &created, nil
}

// nextID is the number after the highest; when that is the highest there can be,
// the first gap.
func nextID(tx *gorm.DB) (int32, error) {
	var highest int32
	if err := tx.Model(&employeeRow{}).Select("coalesce(max(id), 0)").Scan(&highest).Error; err != nil {
		return 0, fmt.Errorf("find the next id: %w", err)
	}
	if highest < math.MaxInt32 {
		return highest + 1, nil
	}
	var gap int32
	err := tx.Raw(`SELECT CASE WHEN NOT EXISTS (SELECT 1 FROM employees WHERE id = 1) THEN 1 ELSE (
		SELECT min(id) + 1 FROM employees AS e WHERE id < ? AND NOT EXISTS (SELECT 1 FROM employees AS n WHERE n.id = e.id + 1)
	) END`, math.MaxInt32).Scan(&gap).Error
	if err != nil {
		return 0, fmt.Errorf("find a free id: %w", err)
	}
	return gap, nil
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
		return nil
	})
	if err != nil {
		return nil, err //nolint:wrapcheck // said inside
	}
	rows := []store.Employee{*changed}
	return &rows[0], s.addLatest(ctx, rows)
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
		return nil
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

// addLatest adds the newest prediction of each employee: one seek in the index
// for each, however many predictions there are.
func (s *Store) addLatest(ctx context.Context, employees []store.Employee) error {
	if len(employees) == 0 {
		return nil
	}
	places := make(map[int32]int, len(employees))
	ids := make([]int32, len(employees))
	for i := range employees {
		places[employees[i].ID], ids[i] = i, employees[i].ID
	}
	var rows []predictionRow
	err := s.read.WithContext(ctx).Omit("explanation").Where("id IN (SELECT "+ofNewest("id")+" FROM employees WHERE employees.id IN ?)", ids).Find(&rows).Error
	if err != nil {
		return fmt.Errorf("read the newest predictions: %w", err)
	}
	for i := range rows {
		prediction, err := rows[i].prediction()
		if err != nil {
			return err
		}
		employees[places[*prediction.EmployeeID]].Latest = &prediction
	}
	return nil
}

func employeeFiltered(query store.EmployeeQuery) bool {
	return query.Department != "" || query.JobTitle != "" || query.Search != "" || query.RiskBand != ""
}

func employeeFilter(db *gorm.DB, query store.EmployeeQuery) *gorm.DB {
	if query.Department != "" {
		db = db.Where("department = ?", query.Department)
	}
	if query.JobTitle != "" {
		db = db.Where("job_title = ?", query.JobTitle)
	}
	if query.Search != "" {
		part := "%" + likeEscaper().Replace(strings.ToLower(query.Search)) + "%"
		condition := db.Session(&gorm.Session{NewDB: true}).
			Where(`lower(display_name) LIKE ? ESCAPE '!'`, part).
			Or(`lower(job_title) LIKE ? ESCAPE '!'`, part).
			Or(`lower(department) LIKE ? ESCAPE '!'`, part)
		if id, err := strconv.ParseInt(query.Search, 10, 32); err == nil {
			condition = condition.Or("id = ?", id)
		}
		db = db.Where(condition)
	}
	if query.RiskBand != "" {
		db = db.Where(ofNewest("risk_band")+" = ?", query.RiskBand)
	}
	return db.Session(&gorm.Session{})
}

// ofNewest is a column of an employee's newest prediction: one seek in the index.
func ofNewest(column string) string {
	return `(SELECT newest.` + column + ` FROM predictions AS newest WHERE newest.employee_id = employees.id
		ORDER BY newest.create_time DESC, newest.id DESC LIMIT 1)`
}

func employeeOrder(db *gorm.DB, query store.EmployeeQuery) *gorm.DB {
	direction, than := "ASC", ">"
	if query.Descending {
		direction, than = "DESC", "<"
	}
	var by string
	var after any
	switch query.Order {
	case store.ByUpdate:
		by = "update_time"
		if query.After != nil {
			after = at(query.After.UpdateTime)
		}
	case store.ByProbability:
		by = fmt.Sprintf("coalesce(%s, %g)", ofNewest("probability"), store.NoProbability)
		if query.After != nil {
			after = query.After.Probability
		}
	default:
		if query.After != nil {
			db = db.Where("id "+than+" ?", query.After.ID)
		}
		return db.Order("id " + direction)
	}
	if query.After != nil {
		db = db.Where("("+by+", id) "+than+" (?, ?)", after, query.After.ID)
	}
	return db.Order(by + " " + direction + ", id " + direction)
}

// likeEscaper makes a caller's text mean itself inside LIKE ... ESCAPE '!'.
func likeEscaper() *strings.Replacer { return strings.NewReplacer("!", "!!", "%", "!%", "_", "!_") }
