package gormstore

import (
	"context"
	"fmt"
	"slices"

	"github.com/futurisys/futurisys/services/persistence/internal/store"
)

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
