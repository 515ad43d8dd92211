package gormstore

import (
	"context"
	"fmt"
	"slices"

	"gorm.io/gorm"

	"github.com/futurisys/futurisys/services/persistence/internal/store"
)

// filters are the conditions of a list of predictions. The pinned ones fix columns that
// an index has before the time.
type filters struct {
	pinned     []string
	values     []any
	conditions []condition
}

type condition struct {
	sql    string
	values []any
}

// predictionFilters parts the query's filters.
func (s *Store) predictionFilters(ctx context.Context, query store.PredictionQuery) (*filters, error) {
	f := &filters{}
	if err := s.pinned(ctx, f, query); err != nil {
		return nil, err
	}
	// Literals: the indexes are partial by them.
	kind := condition{sql: "predictions.kind < 2"}
	if query.Kind != 0 && query.Kind != store.Score {
		kind.sql = fmt.Sprintf("predictions.kind >= 2 AND predictions.kind = %d", query.Kind)
	}
	f.conditions = append(f.conditions, kind)
	for _, c := range []struct {
		given bool
		sql   string
		value any
	}{
		{query.BatchID != "" && !f.pins("batch_id"), "batch_id = ?", query.BatchID},
		{query.RiskBand != "" && !f.pins("risk_band"), "risk_band = ?", query.RiskBand},
		{query.Model != "" && !f.pins("model"), modelIs, query.Model},
		{query.ModelVersion != 0 && !f.pins("model"), "model_version = ?", query.ModelVersion},
		{query.MinProbability > 0, probabilityFrom, query.MinProbability},
		{!query.From.IsZero(), "create_time >= ?", at(query.From)},
		{!query.To.IsZero(), beforeTime, at(query.To)},
		{query.AfterCommit > 0, "commit_sequence > ?", query.AfterCommit},
	} {
		if c.given {
			f.conditions = append(f.conditions, condition{c.sql, []any{c.value}})
		}
	}
	if query.Order == store.ByCommitSequence && s.dialect == Postgres {
		// A visible row whose transaction others still overlap may get a row before it;
		// begin_commit gives places in the order of the transactions. A number beyond the
		// snapshot is that of another cluster, which was restored here.
		f.conditions = append(f.conditions, condition{sql: "NOT (commit_transaction >= pg_snapshot_xmin(pg_current_snapshot()) " +
			"AND commit_transaction < pg_snapshot_xmax(pg_current_snapshot()))"})
	}
	return f, nil
}

// pinned fixes the columns of the filter that has an index of its own.
func (s *Store) pinned(ctx context.Context, f *filters, query store.PredictionQuery) error {
	switch {
	case query.EmployeeID != 0:
		f.pinned, f.values = []string{"employee_id"}, []any{query.EmployeeID}
		generation, err := s.generation(ctx, query.EmployeeID)
		if err != nil {
			return err
		}
		if generation != 0 {
			f.pinned, f.values = append(f.pinned, "employee_generation"), append(f.values, generation)
		}
		// What the index is partial by: it does not follow from a comparison of rows.
		f.conditions = append(f.conditions, condition{sql: "predictions.employee_id IS NOT NULL"})
	case query.BatchID != "":
		f.pinned, f.values = []string{"batch_id"}, []any{query.BatchID}
	case query.RiskBand != "":
		f.pinned, f.values = []string{"risk_band"}, []any{query.RiskBand}
	case query.Model != "" && query.ModelVersion != 0:
		f.pinned, f.values = []string{"model", "model_version"}, []any{query.Model, query.ModelVersion}
	}
	return nil
}

func (f *filters) pins(column string) bool { return slices.Contains(f.pinned, column) }

// generation is that of the person who has a number; 0: nobody has it.
func (s *Store) generation(ctx context.Context, employee int32) (int32, error) {
	var generation int32
	err := scan(s.read.WithContext(ctx).Model(&employeeRow{}).Select("generation").Where("id = ?", employee), &generation)
	if err != nil {
		return 0, fmt.Errorf("read the generation of employee %d: %w", employee, err)
	}
	return generation, nil
}

// counted applies all conditions.
func (f *filters) counted(db *gorm.DB) *gorm.DB {
	for i, column := range f.pinned {
		db = db.Where(column+" = ?", f.values[i])
	}
	return f.rest(db)
}

// countable applies all conditions, in the order of the index that has the filter, so that
// it is taken whatever the planner knows of the table.
func (f *filters) countable(db *gorm.DB) *gorm.DB {
	if len(f.pinned) > 0 {
		order := ordering{columns: append(slices.Clone(f.pinned), "create_time", "id")}
		return order.by(f.pin(order, f.rest(db), true)).Session(&gorm.Session{})
	}
	for i, c := range f.conditions {
		switch c.sql {
		case probabilityFrom:
			return f.rest(db).Order("probability DESC").Session(&gorm.Session{})
		case modelIs:
			order := ordering{columns: []string{"model", "model_version"}}
			others := &filters{conditions: slices.Delete(slices.Clone(f.conditions), i, i+1)}
			from := order.atLeast(others.rest(db), []any{c.values[0], 0})
			return order.by(order.atMost(from, c.values)).Session(&gorm.Session{})
		}
	}
	return f.rest(db)
}

// rest applies those that are not pinned.
func (f *filters) rest(db *gorm.DB) *gorm.DB {
	for _, c := range f.conditions {
		db = db.Where(c.sql, c.values...)
	}
	return db.Session(&gorm.Session{})
}

// unindexed are the same filters, of which none leads to an index of its own: the order's
// is to be taken.
func (f *filters) unindexed() *filters {
	out := &filters{pinned: f.pinned, values: f.values, conditions: slices.Clone(f.conditions)}
	for i := range out.conditions {
		switch out.conditions[i].sql {
		case modelIs:
			out.conditions[i].sql = "CASE WHEN model = ? THEN TRUE ELSE FALSE END" // a half of all, to a planner
		case probabilityFrom:
			out.conditions[i].sql = "probability + 0 >= ?"
		}
	}
	return out
}
