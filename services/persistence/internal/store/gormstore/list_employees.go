package gormstore

import (
	"context"
	"fmt"

	"gorm.io/gorm"

	"github.com/futurisys/futurisys/services/persistence/internal/store"
)

// listed is an employee with the newest score.
type listed struct {
	Employee employeeRow `gorm:"embedded"`
	Latest   latestRow   `gorm:"embedded;embeddedPrefix:latest_"`
}

func (l *listed) employee() store.Employee {
	employee := l.Employee.employee()
	employee.Latest = l.Latest.summary()
	return employee
}

// listedColumns are the columns of a listed.
const listedColumns = "employees.*, latest.prediction_id AS latest_prediction_id, latest.model AS latest_model, " +
	"latest.model_version AS latest_model_version, latest.probability AS latest_probability, latest.positive AS latest_positive, " +
	"latest.risk_band AS latest_risk_band, latest.create_time AS latest_create_time"

// joinLatest reads employees with their newest scores.
func joinLatest(db *gorm.DB) *gorm.DB {
	return db.Table("employees").Joins("JOIN latest_scores AS latest ON latest.employee_id = employees.id")
}

// ListEmployees reads a page; see store.Employees.
func (s *Store) ListEmployees(ctx context.Context, query store.EmployeeQuery) (*store.Page[store.Employee], error) {
	page := &store.Page[store.Employee]{}
	if err := s.countEmployees(ctx, query, page); err != nil {
		return nil, err
	}
	var rows []listed
	read := func(db *gorm.DB, indexed bool) error {
		filtered := s.filterEmployees(joinLatest(db), query, indexed)
		if err := orderEmployees(filtered, query).Select(listedColumns).Limit(query.Limit + 1).Find(&rows).Error; err != nil {
			return fmt.Errorf("list employees: %w", err)
		}
		return nil
	}
	var err error
	if query.Search != "" && !page.Estimated {
		err = s.withIndex(ctx, func(tx *gorm.DB) error { return read(tx, true) })
	} else { // of many the first in the order are soon found without the index of a search
		err = read(s.read.WithContext(ctx), false)
	}
	if err != nil {
		return nil, err
	}
	if page.More = len(rows) > query.Limit; page.More {
		rows = rows[:query.Limit]
	}
	for i := range rows {
		page.Rows = append(page.Rows, rows[i].employee())
	}
	return page, nil
}

// countEmployees says on the page how many employees there are.
func (s *Store) countEmployees(ctx context.Context, query store.EmployeeQuery, page *store.Page[store.Employee]) error {
	var err error
	switch {
	case query.RiskBand != "" && query.Department == "" && query.JobTitle == "" && query.Search == "":
		// An employee has one row of latest_scores, and the index of its bands counts them.
		bands := inBand(s.read.WithContext(ctx).Table("latest_scores AS latest"), query.RiskBand)
		page.Total, page.Estimated, err = s.count(bands, "latest_scores AS latest", "latest.employee_id", store.EmployeeCountLimit)
		return err
	case query.Search == "":
		all := s.filterEmployees(s.employeesFor(ctx, query), query, true)
		page.Total, page.Estimated, err = s.count(all, "employees", "employees.id", store.EmployeeCountLimit)
		return err
	}
	return s.countFound(ctx, query, page)
}

// employeesFor joins the newest scores only where a filter needs them.
func (s *Store) employeesFor(ctx context.Context, query store.EmployeeQuery) *gorm.DB {
	if query.RiskBand != "" {
		return inBand(joinLatest(s.read.WithContext(ctx)), query.RiskBand)
	}
	return s.read.WithContext(ctx).Table("employees")
}

// countFound says on the page how many employees a search finds.
func (s *Store) countFound(ctx context.Context, query store.EmployeeQuery, page *store.Page[store.Employee]) error {
	from := s.employeesFor(ctx, query)
	// An index of substrings finds all before it counts the first: what many have is told
	// by the first employees instead.
	const first, many = 3_000, 100
	sample := s.filterEmployees(from, query, false).Where("employees.id <= (SELECT max(id) FROM (SELECT id FROM employees ORDER BY id LIMIT ?) AS first)", first)
	found, err := s.countTo(sample, many)
	if err != nil {
		return err
	}
	if found > many {
		page.Estimated = true
		page.Total, err = s.estimate(s.filterEmployees(from, query, false), "employees", "employees.id")
		page.Total = max(page.Total, found)
		return err
	}
	return s.withIndex(ctx, func(tx *gorm.DB) error {
		page.Total, err = countIn(tx, s.filterEmployees(from, query, true), store.CountLimit)
		page.Estimated = page.Total > store.CountLimit
		return err
	})
}

// withIndex reads with the index of the search: PostgreSQL, which knows nothing of a text
// before it looks for it, may read all employees instead.
func (s *Store) withIndex(ctx context.Context, read func(*gorm.DB) error) error {
	if s.dialect != Postgres {
		return read(s.read.WithContext(ctx))
	}
	return s.read.WithContext(ctx).Transaction(func(tx *gorm.DB) error { //nolint:wrapcheck // said inside
		if err := tx.Exec("SET LOCAL enable_seqscan = off").Error; err != nil {
			return fmt.Errorf("choose the index of the search: %w", err)
		}
		return read(tx)
	})
}

// filterEmployees applies the query's filters, a search with its index or by reading.
func (s *Store) filterEmployees(db *gorm.DB, query store.EmployeeQuery, indexed bool) *gorm.DB {
	if query.Department != "" {
		db = db.Where("employees.department = ?", query.Department)
	}
	if query.JobTitle != "" {
		db = db.Where("employees.job_title = ?", query.JobTitle)
	}
	if query.Search != "" {
		db = db.Where(s.searched(query.Search, indexed))
	}
	return db.Session(&gorm.Session{})
}

// inBand keeps those whose newest score is of a band.
func inBand(db *gorm.DB, band string) *gorm.DB {
	return db.Where("latest.risk_band = ?", band).Session(&gorm.Session{})
}

// orderEmployees puts filtered employees into the query's order, from where it starts,
// and keeps those of its band.
func orderEmployees(db *gorm.DB, query store.EmployeeQuery) *gorm.DB {
	// The keys are those of the table that has the order's index: employees.id and
	// latest.employee_id are the same number.
	by, id := "", "employees.id"
	var after []any
	switch query.Order {
	case store.ByUpdate:
		by = "employees.update_time"
		if query.After != nil {
			after = []any{at(query.After.UpdateTime)}
		}
	case store.ByProbability:
		by, id = "latest.probability", "latest.employee_id"
		if query.After != nil {
			after = []any{query.After.Probability}
		}
	default:
	}
	order := ordering{descending: query.Descending}
	switch {
	case by != "":
		order.columns = []string{by}
		if query.RiskBand != "" {
			db = inBand(db, query.RiskBand)
		}
	case query.RiskBand != "":
		// In the order of the index of bands, as ordering says.
		id, order.columns = "latest.employee_id", []string{"latest.risk_band"}
		band := []any{query.RiskBand}
		db = order.atMost(order.atLeast(db, band), band)
		if query.After != nil {
			after = band
		}
	}
	order.columns = append(order.columns, id)
	if query.After != nil {
		db = order.from(db, append(after, query.After.ID))
	}
	return order.by(db)
}
