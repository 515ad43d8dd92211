package gormstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm"

	"github.com/futurisys/futurisys/services/persistence/internal/store"
)

// Prediction reads one; see store.Predictions.
func (s *Store) Prediction(ctx context.Context, id string) (*store.Prediction, error) {
	var row predictionRow
	if err := s.read.WithContext(ctx).Take(&row, "id = ?", id).Error; err != nil {
		if errors.Is(err, gorm.ErrRecordNotFound) {
			return nil, store.ErrNotFound
		}
		return nil, fmt.Errorf("read prediction %s: %w", id, err)
	}
	prediction, err := row.prediction()
	if err != nil {
		return nil, err
	}
	return &prediction, nil
}

// ListPredictions reads a page; see store.Predictions.
func (s *Store) ListPredictions(ctx context.Context, query store.PredictionQuery) (*store.Page[store.Prediction], error) {
	filters, err := s.predictionFilters(ctx, query)
	if err != nil {
		return nil, err
	}
	page := &store.Page[store.Prediction]{}
	limit := store.CountLimit
	if filters.pins("batch_id") {
		limit = store.BatchCountLimit
	}
	if page.Total, page.Estimated, err = s.count(filters.countable(s.predictions(ctx)), "predictions", "predictions.commit_sequence", limit); err != nil {
		return nil, err
	}
	listed, err := s.ordered(ctx, query, filters, page.Estimated)
	if err != nil {
		return nil, err
	}
	if !query.Explanations {
		listed = listed.Omit("explanation") // many times as large as the rest
	}
	var rows []predictionRow
	if err := listed.Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("list predictions: %w", err)
	}
	if page.More = len(rows) > query.Limit; page.More {
		rows = rows[:query.Limit]
	}
	for i := range rows {
		prediction, err := rows[i].prediction()
		if err != nil {
			return nil, err
		}
		page.Rows = append(page.Rows, prediction)
	}
	if query.Previous {
		err = s.addPrevious(ctx, page.Rows)
	}
	return page, err
}

func (s *Store) predictions(ctx context.Context) *gorm.DB {
	return s.read.WithContext(ctx).Model(&predictionRow{})
}

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
		{!query.To.IsZero(), "create_time < ?", at(query.To)},
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

// gatherLimit is how many rows are gathered by a filter and then put into order.
const gatherLimit = 2_000

// ordered is the page in the query's order, one row longer than it may be. many: more
// rows match than were counted.
func (s *Store) ordered(ctx context.Context, query store.PredictionQuery, f *filters, many bool) (*gorm.DB, error) {
	var key []any
	switch query.Order {
	case store.ByCommitSequence:
		// Nothing is pinned: a follower reads on from a place, whatever it asks for.
		if query.After != nil {
			key = []any{query.After.CommitSequence}
		}
		return page(ordering{columns: []string{"commit_sequence"}}, f.counted(s.predictions(ctx)), key, query.Limit), nil
	case store.ByRowNumber:
		if query.After != nil {
			key = []any{query.After.RowNumber, query.After.ID}
		}
		return page(ordering{columns: []string{"row_number", "id"}}, f.counted(s.predictions(ctx)), key, query.Limit), nil
	default:
		if query.After != nil {
			key = []any{at(query.After.CreateTime), query.After.ID}
		}
	}
	order := ordering{columns: []string{"create_time", "id"}, descending: !query.Ascending}
	few, err := s.few(ctx, query, f, many)
	if err != nil {
		return nil, err
	}
	if few {
		return s.gathered(ctx, query, f, order, key), nil
	}
	order.columns = slices.Concat(f.pinned, order.columns)
	listed := f.pin(order, f.unindexed().rest(s.predictions(ctx)), key == nil)
	if key != nil {
		key = slices.Concat(f.values, key)
	}
	return page(order, listed, key, query.Limit), nil
}

// pin bounds the pinned columns: a page bounds the end that it starts from by its key, and
// the first page by all times. Of a column between a value and itself a planner that has
// not analysed the table expects next to nothing.
func (f *filters) pin(order ordering, listed *gorm.DB, first bool) *gorm.DB {
	if len(f.pinned) == 0 {
		return listed
	}
	if order.descending {
		listed = order.atLeast(listed, f.values)
		if first {
			listed = order.atMost(listed, append(slices.Clone(f.values), at(time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC))))
		}
		return listed
	}
	listed = order.atMost(listed, f.values)
	if first {
		listed = order.atLeast(listed, append(slices.Clone(f.values), at(time.Time{}.AddDate(1, 0, 0))))
	}
	return listed
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

// Conditions that have an index, though not one in the order of time.
const (
	modelIs         = "model = ?"
	probabilityFrom = "probability >= ?"
)

// few says whether a filter without an index in the order of time has so few rows that
// they are better gathered.
func (s *Store) few(ctx context.Context, query store.PredictionQuery, f *filters, many bool) (bool, error) {
	if len(f.pinned) > 0 || query.MinProbability == 0 && query.Model == "" {
		return false, nil
	}
	if !many {
		return true, nil
	}
	counted, err := s.countTo(f.countable(s.predictions(ctx)), gatherLimit)
	return counted <= gatherLimit, err
}

// gathered reads the few rows of a filter that has no index in the order of time, puts
// them into order, and reads on only what is on the page.
func (s *Store) gathered(ctx context.Context, query store.PredictionQuery, f *filters, order ordering, key []any) *gorm.DB {
	found := f.countable(s.predictions(ctx)).Select("id", "create_time").Limit(gatherLimit + 1)
	places := page(order, s.read.WithContext(ctx).Table("found"), key, query.Limit).Select("id")
	return order.by(s.predictions(ctx).Where("id IN (WITH found AS MATERIALIZED (?) ?)", found, places))
}

func page(order ordering, listed *gorm.DB, key []any, limit int) *gorm.DB {
	if key != nil {
		listed = order.from(listed, key)
	}
	return order.by(listed).Limit(limit + 1)
}

// summaryRow is a prediction's summary and the prediction that it came before.
type summaryRow struct {
	ID           string
	Model        string
	ModelVersion int32
	Probability  float64
	Positive     bool
	RiskBand     string
	CreateTime   instant
	Next         string
}

// addPrevious adds the score of the same person before each: one seek in the index for
// each, to the row just before. Whether that is hers is looked at then: as a condition of
// the seek it would make a planner look for another way.
func (s *Store) addPrevious(ctx context.Context, predictions []store.Prediction) error {
	places := make(map[string]int, len(predictions))
	ids := make([]string, 0, len(predictions))
	for i := range predictions {
		if predictions[i].EmployeeID != nil {
			places[predictions[i].ID] = i
			ids = append(ids, predictions[i].ID)
		}
	}
	for part := range slices.Chunk(ids, idsPerQuery(s.read)) {
		var rows []summaryRow
		err := s.read.WithContext(ctx).Table("predictions AS shown").
			Joins(`JOIN predictions AS previous ON previous.id = (
				SELECT found.id FROM (
					SELECT earlier.id, earlier.employee_id, earlier.employee_generation FROM predictions AS earlier
					WHERE earlier.kind < 2 AND earlier.employee_id IS NOT NULL
						AND (earlier.employee_id, earlier.employee_generation, earlier.create_time, earlier.id)
							< (shown.employee_id, shown.employee_generation, shown.create_time, shown.id)
					ORDER BY earlier.employee_id DESC, earlier.employee_generation DESC, earlier.create_time DESC, earlier.id DESC LIMIT 1
				) AS found WHERE found.employee_id = shown.employee_id AND found.employee_generation = shown.employee_generation)`).
			Select("previous.id, previous.model, previous.model_version, previous.probability, previous.positive, "+
				"previous.risk_band, previous.create_time, shown.id AS next").
			Where("shown.id IN ?", part).Find(&rows).Error
		if err != nil {
			return fmt.Errorf("read the predictions before: %w", err)
		}
		for _, row := range rows {
			predictions[places[row.Next]].Previous = &store.Summary{
				ID: row.ID, Model: row.Model, ModelVersion: row.ModelVersion, Probability: row.Probability,
				Positive: row.Positive, RiskBand: row.RiskBand, CreateTime: row.CreateTime.Time,
			}
		}
	}
	return nil
}
