package gormstore

import (
	"context"
	"errors"
	"fmt"
	"slices"

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
	filtered, narrowed := predictionFilter(s.read.WithContext(ctx).Model(&predictionRow{}), query)
	page := &store.Page[store.Prediction]{}
	var err error
	if page.Total, page.Estimated, err = s.count(filtered, "predictions", narrowed); err != nil {
		return nil, err
	}
	direction, than := "DESC", "<"
	if query.Ascending {
		direction, than = "ASC", ">"
	}
	ordered := filtered.Order("create_time " + direction + ", id " + direction)
	if query.After != nil {
		ordered = ordered.Where("(create_time, id) "+than+" (?, ?)", at(query.After.CreateTime), query.After.ID)
	}
	if !query.Explanations {
		ordered = ordered.Omit("explanation") // many times as large as the rest
	}
	var rows []predictionRow
	if err := ordered.Limit(query.Limit + 1).Find(&rows).Error; err != nil {
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

// summaryColumns are what a summary of a prediction needs.
const summaryColumns = "previous.id, previous.employee_id, previous.model, previous.model_version, previous.model_revision, " +
	"previous.probability, previous.threshold, previous.positive, previous.risk_band, previous.warnings, previous.create_time"

// previousRow is a prediction and the one that it came before.
type previousRow struct {
	Prediction predictionRow `gorm:"embedded"`
	Next       string
}

// addPrevious adds the prediction of the same employee before each: one seek in the
// index for each.
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
		var rows []previousRow
		err := s.read.WithContext(ctx).Table("predictions AS shown").
			Joins(`JOIN predictions AS previous ON previous.id = (
				SELECT earlier.id FROM predictions AS earlier WHERE earlier.employee_id = shown.employee_id
					AND (earlier.create_time, earlier.id) < (shown.create_time, shown.id)
				ORDER BY earlier.create_time DESC, earlier.id DESC LIMIT 1)`).
			Select(summaryColumns+", shown.id AS next").Where("shown.id IN ?", part).Find(&rows).Error
		if err != nil {
			return fmt.Errorf("read the predictions before: %w", err)
		}
		for i := range rows {
			previous, err := rows[i].Prediction.prediction()
			if err != nil {
				return err
			}
			predictions[places[rows[i].Next]].Previous = &previous
		}
	}
	return nil
}

// predictionFilter applies the query's filters and says whether there was any.
func predictionFilter(db *gorm.DB, query store.PredictionQuery) (*gorm.DB, bool) {
	narrowed := false
	where := func(given bool, condition string, value any) {
		if given {
			db, narrowed = db.Where(condition, value), true
		}
	}
	where(query.EmployeeID != 0, "employee_id = ?", query.EmployeeID)
	where(query.Model != "", "model = ?", query.Model)
	where(query.ModelVersion != 0, "model_version = ?", query.ModelVersion)
	where(query.RiskBand != "", "risk_band = ?", query.RiskBand)
	where(query.BatchID != "", "batch_id = ?", query.BatchID)
	where(query.MinProbability > 0, "probability >= ?", query.MinProbability)
	where(!query.From.IsZero(), "create_time >= ?", at(query.From))
	where(!query.To.IsZero(), "create_time < ?", at(query.To))
	return db.Session(&gorm.Session{}), narrowed
}
