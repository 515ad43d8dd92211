package gormstore

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"time"

	"gorm.io/gorm/schema"

	"github.com/futurisys/futurisys/services/persistence/internal/store"
)

// column is one column of predictions as PostgreSQL gets it: an array with a value
// for each row.
type column struct {
	name string
	kind string // element type of the array
	cast string // to the column's own type; empty: it is that
	of   func(rows []predictionRow) any
}

func arrayOf[T any](name, kind, cast string, get func(*predictionRow) T) column {
	return column{name: name, kind: kind, cast: cast, of: func(rows []predictionRow) any {
		values := make([]T, len(rows))
		for i := range rows {
			values[i] = get(&rows[i])
		}
		return values
	}}
}

// predictionColumns are all columns of predictions.
func predictionColumns() []column {
	return append(profileColumns(), []column{
		arrayOf("id", "text", "::uuid", func(r *predictionRow) string { return r.ID }),
		arrayOf("batch_id", "text", "::uuid", func(r *predictionRow) *string { return r.BatchID }),
		arrayOf("employee_id", "integer", "", func(r *predictionRow) *int32 { return r.EmployeeID }),
		arrayOf("model", "text", "", func(r *predictionRow) string { return r.Model }),
		arrayOf("model_version", "integer", "", func(r *predictionRow) int32 { return r.ModelVersion }),
		arrayOf("model_revision", "text", "", func(r *predictionRow) string { return r.ModelRevision }),
		arrayOf("probability", "double precision", "", func(r *predictionRow) float64 { return r.Probability }),
		arrayOf("threshold", "double precision", "", func(r *predictionRow) float64 { return r.Threshold }),
		arrayOf("predicted_label", "text", "", func(r *predictionRow) string { return r.PredictedLabel }),
		arrayOf("positive", "boolean", "", func(r *predictionRow) bool { return r.Positive }),
		arrayOf("risk_band", "text", "", func(r *predictionRow) string { return r.RiskBand }),
		arrayOf("warnings", "text", "::jsonb", func(r *predictionRow) string { return r.Warnings }),
		arrayOf("create_time", "timestamptz", "", func(r *predictionRow) time.Time { return r.CreateTime.Time }),
		arrayOf("request_id", "text", "", func(r *predictionRow) *string { return r.RequestID }),
		arrayOf("explanation", "text", "::jsonb", func(r *predictionRow) *string { return r.Explanation }),
		arrayOf("kind", "smallint", "", func(r *predictionRow) int16 { return int16(r.Kind) }),
		arrayOf("profile_source", "smallint", "", func(r *predictionRow) int16 { return int16(r.ProfileSource) }),
		arrayOf("principal", "text", "", func(r *predictionRow) string { return r.Principal }),
		arrayOf("employee_generation", "integer", "", func(r *predictionRow) int32 { return r.EmployeeGeneration }),
		arrayOf("row_number", "integer", "", func(r *predictionRow) int32 { return r.RowNumber }),
		arrayOf("row_id", "text", "", func(r *predictionRow) string { return r.RowID }),
		arrayOf("requested_version", "text", "", func(r *predictionRow) *string { return r.RequestedVersion }),
	}...)
}

// profileColumns are the columns of a profile, by the names that GORM gives its fields.
func profileColumns() []column {
	profile := reflect.TypeFor[store.Profile]()
	columns := make([]column, 0, profile.NumField())
	for i := range profile.NumField() {
		name := schema.NamingStrategy{}.ColumnName("", profile.Field(i).Name)
		switch profile.Field(i).Type {
		case reflect.TypeFor[*int32]():
			columns = append(columns, arrayOf(name, "integer", "", profileField[int32](i)))
		case reflect.TypeFor[*bool]():
			columns = append(columns, arrayOf(name, "boolean", "", profileField[bool](i)))
		default:
			columns = append(columns, arrayOf(name, "text", "", profileField[string](i)))
		}
	}
	return columns
}

// profileField reads the i-th field of a row's profile.
func profileField[T any](i int) func(*predictionRow) *T {
	return func(r *predictionRow) *T {
		return reflect.ValueOf(&r.Profile).Elem().Field(i).Interface().(*T) //nolint:forcetypeassert // profileColumns looked
	}
}

// insertStatement adds any number of rows in one statement of one text; a row of values
// for each would be another text for each number of rows, and of forty parameters a row.
//
// The places of the rows in the sequence of commits come from begin_commit, in the order
// of the transactions. Of what was added the newest score of each person takes the place of
// an older one, with the rows locked in one order for all.
func insertStatement(columns []column) string {
	list, values, arrays := lists(columns)
	return `WITH started AS MATERIALIZED (SELECT first_place, transaction FROM begin_commit(` + fmt.Sprintf("$%d", len(columns)+1) + `)),
added AS (
	INSERT INTO predictions (` + list + `, commit_sequence, commit_transaction)
	SELECT ` + values + `, started.first_place + new.place - 1, started.transaction
	FROM started CROSS JOIN unnest(` + arrays + `) WITH ORDINALITY AS new (` + list + `, place)
	ON CONFLICT (id) DO NOTHING
	RETURNING id, employee_id, employee_generation, model, model_version, probability, positive, risk_band, create_time, kind
),
newest AS (
	SELECT DISTINCT ON (employee_id, employee_generation) * FROM added WHERE kind < 2 AND employee_id IS NOT NULL
	ORDER BY employee_id, employee_generation, create_time DESC, id DESC
),
locked AS MATERIALIZED (
	SELECT latest.employee_id FROM latest_scores AS latest WHERE latest.employee_id IN (SELECT employee_id FROM newest)
	ORDER BY latest.employee_id FOR UPDATE
),
moved AS (
	UPDATE latest_scores AS latest SET prediction_id = newest.id, model = newest.model, model_version = newest.model_version,
		probability = newest.probability, positive = newest.positive, risk_band = newest.risk_band, create_time = newest.create_time
	FROM newest JOIN locked USING (employee_id)
	WHERE latest.employee_id = newest.employee_id AND latest.generation = newest.employee_generation
		AND (latest.create_time IS NULL OR (newest.create_time, newest.id) > (latest.create_time, latest.prediction_id))
)
SELECT count(*) FROM added`
}

// lists are the names of columns, their values in a row called new, and the arrays that these
// come in.
func lists(columns []column) (list, values, arrays string) {
	parts := make([][]string, 3) //nolint:mnd // the three lists
	for i, c := range columns {
		parts[0] = append(parts[0], c.name)
		parts[1] = append(parts[1], "new."+c.name+c.cast)
		parts[2] = append(parts[2], fmt.Sprintf("$%d::%s[]", i+1, c.kind))
	}
	return strings.Join(parts[0], ", "), strings.Join(parts[1], ", "), strings.Join(parts[2], ", ")
}

// copyStatement adds rows that have their places in the sequence of commits.
func copyStatement(columns []column) string {
	list, values, arrays := lists(columns)
	return "INSERT INTO predictions (" + list + ", commit_transaction) SELECT " + values + ", pg_current_xact_id() FROM unnest(" + arrays + ") AS new (" + list + ") ON CONFLICT DO NOTHING"
}

// insertPostgres adds the rows whose id is not there, all or none, and says how
// many. It is one round trip, outside of GORM, which would make a list of each array.
func (s *Store) insertPostgres(ctx context.Context, rows []predictionRow) (int, error) {
	database, err := s.record.DB()
	if err != nil {
		return 0, fmt.Errorf("reach the database: %w", err)
	}
	arguments := make([]any, 0, len(s.columns)+1)
	for _, c := range s.columns {
		arguments = append(arguments, c.of(rows))
	}
	arguments = append(arguments, len(rows))
	var added int
	start := time.Now()
	err = database.QueryRowContext(ctx, s.insert, arguments...).Scan(&added)
	s.seen.queries.WithLabelValues("insert", predictionRow{}.TableName()).Observe(time.Since(start).Seconds())
	if err != nil {
		s.seen.failed(err)
		return 0, fmt.Errorf("record %d predictions: %w", len(rows), classify(err, err))
	}
	return added, nil
}
