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
