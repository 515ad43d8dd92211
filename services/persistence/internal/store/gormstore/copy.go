package gormstore

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// rowsPerCopy is how many rows are read and written together.
const rowsPerCopy = 1_000

// Copied says what of one table was copied: its rows, and the digest of all of them, which
// is the same on both sides.
type Copied struct {
	Table  string
	Rows   int64
	Digest string
}

// CopyTo copies all that is on record to another database at the same schema, and compares
// the two. What an earlier try that broke off has copied stays. Nobody may write to either
// meanwhile: see Own. progress is called with how many rows of a table are done.
//
// Whom inference's copies are is not copied: they say so again.
func (s *Store) CopyTo(ctx context.Context, to *Store, progress func(table string, rows int64)) ([]Copied, error) {
	tables := []copier{
		copying(employeeRow{}, "id", func(r *employeeRow) any { return r.ID }, func(r *employeeRow) any { return r.employee() }),
		copying(latestRow{}, "employee_id", func(r *latestRow) any { return r.EmployeeID }, func(r *latestRow) any { return [2]any{r.Generation, r.summary()} }),
		copying(predictionRow{}, "commit_sequence", func(r *predictionRow) any { return r.CommitSequence }, readPrediction),
		copying(conflictRow{}, "number", func(r *conflictRow) any { return r.Number }, readConflict),
		copying(aliasChangeRow{}, "", nil, func(r *aliasChangeRow) any { return [2]any{r.ChangeTime.UnixMicro(), withoutTime(r)} }),
	}
	for _, table := range tables {
		if err := table.copy(ctx, s, to, progress); err != nil {
			return nil, fmt.Errorf("copy %s: %w", table.name(), err)
		}
	}
	if err := s.copyCounters(ctx, to); err != nil {
		return nil, fmt.Errorf("copy the counters: %w", err)
	}
	var all []Copied
	for _, table := range tables {
		here, err := table.digest(ctx, s)
		if err != nil {
			return nil, fmt.Errorf("compare %s: %w", table.name(), err)
		}
		there, err := table.digest(ctx, to)
		if err != nil {
			return nil, fmt.Errorf("compare %s: %w", table.name(), err)
		}
		if here != there {
			return nil, fmt.Errorf("%s are not the same: %d rows here, %d there; the other database had rows of its own, or somebody wrote meanwhile", table.name(), here.Rows, there.Rows)
		}
		all = append(all, here)
	}
	return all, nil
}

func withoutTime(r *aliasChangeRow) aliasChangeRow {
	plain := *r
	plain.ChangeTime = instant{}
	return plain
}

func readPrediction(r *predictionRow) any {
	prediction, err := r.prediction()
	if err != nil {
		return err.Error()
	}
	return prediction
}

func readConflict(r *conflictRow) any {
	conflict, err := r.conflict()
	if err != nil {
		return err.Error()
	}
	return [2]any{r.PredictionID, conflict}
}

// copier copies one table.
type copier interface {
	name() string
	copy(ctx context.Context, from, to *Store, progress func(string, int64)) error
	digest(ctx context.Context, of *Store) (Copied, error)
}

// table is a table of rows R, whose key is one number that only grows; "": it is small and
// read at once.
type table[R any] struct {
	row   R
	key   string
	keyOf func(*R) any
	value func(*R) any // what is compared: as the store has it, not as a database writes it
}

func copying[R any](row R, key string, keyOf, value func(*R) any) copier {
	return table[R]{row, key, keyOf, value}
}

func (t table[R]) name() string { return any(t.row).(interface{ TableName() string }).TableName() } //nolint:forcetypeassert // all rows have one

// parts calls each with all rows of a table beyond a key, in parts.
func (t table[R]) parts(ctx context.Context, of *Store, after any, each func([]R) error) error {
	for {
		query := of.read.WithContext(ctx)
		if t.key != "" {
			query = query.Order(t.key).Limit(rowsPerCopy)
		}
		if after != nil {
			query = query.Where(t.key+" > ?", after)
		}
		var rows []R
		if err := query.Find(&rows).Error; err != nil {
			return err //nolint:wrapcheck // CopyTo says what it was doing
		}
		if len(rows) == 0 {
			return nil
		}
		if err := each(rows); err != nil {
			return err
		}
		if t.key == "" {
			return nil
		}
		after = t.keyOf(&rows[len(rows)-1])
	}
}

func (t table[R]) copy(ctx context.Context, from, to *Store, progress func(string, int64)) error {
	var after any
	if t.key == "commit_sequence" { // only ever added, and in this order
		var last int64
		if err := scan(to.read.WithContext(ctx).Model(&t.row).Select("coalesce(max(commit_sequence), 0)"), &last); err != nil {
			return err
		}
		after = last
	}
	done := int64(0)
	return t.parts(ctx, from, after, func(rows []R) error {
		if err := insertCopies(ctx, to, rows); err != nil {
			return err
		}
		done += int64(len(rows))
		progress(t.name(), done)
		return nil
	})
}

// insertCopies inserts the rows that are not there, all or none.
func insertCopies[R any](ctx context.Context, to *Store, rows []R) error {
	if predictions, is := any(rows).([]predictionRow); is && to.dialect == Postgres {
		return to.insertPredictionCopies(ctx, predictions)
	}
	return to.write.WithContext(ctx).Transaction(func(tx *gorm.DB) error { //nolint:wrapcheck // CopyTo says what it was doing
		return tx.Clauses(clause.OnConflict{DoNothing: true}).CreateInBatches(&rows, to.rowsPerInsert()).Error
	})
}

// insertPredictionCopies inserts predictions with the places in the order of commits that
// they have.
func (s *Store) insertPredictionCopies(ctx context.Context, rows []predictionRow) error {
	database, err := s.write.DB()
	if err != nil {
		return err //nolint:wrapcheck // CopyTo says what it was doing
	}
	place := arrayOf("commit_sequence", "bigint", "", func(r *predictionRow) int64 { return r.CommitSequence })
	columns := append(predictionColumns(), place)
	arguments := make([]any, len(columns))
	for i, c := range columns {
		arguments[i] = c.of(rows)
	}
	if _, err := database.ExecContext(ctx, copyStatement(columns), arguments...); err != nil {
		return classify(err, err)
	}
	return nil
}

// copyCounters lets the other database go on counting where this one is.
func (s *Store) copyCounters(ctx context.Context, to *Store) error {
	type counter struct {
		Name  string
		Value int64
	}
	var counters []counter
	var last int64
	err := errors.Join(
		scan(s.read.WithContext(ctx).Raw("SELECT name, value FROM counters WHERE name <> ?", counterCommit), &counters),
		scan(s.read.WithContext(ctx).Raw("SELECT coalesce(max(commit_sequence), 0) FROM predictions"), &last))
	if err != nil {
		return err
	}
	if to.dialect == SQLite {
		counters = append(counters, counter{counterCommit, last})
	}
	return to.write.WithContext(ctx).Transaction(func(tx *gorm.DB) error { //nolint:wrapcheck // CopyTo says what it was doing
		for _, c := range counters {
			err := tx.Exec("INSERT INTO counters (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value", c.Name, c.Value).Error
			if err != nil {
				return err //nolint:wrapcheck // CopyTo says what it was doing
			}
		}
		if to.dialect == SQLite {
			return nil
		}
		for _, statement := range []string{
			"SELECT setval('prediction_commits', (SELECT coalesce(max(commit_sequence), 0) + 1 FROM predictions), false)",
			"SELECT setval(pg_get_serial_sequence('prediction_conflicts', 'number'), (SELECT coalesce(max(number), 0) + 1 FROM prediction_conflicts), false)",
		} {
			if err := tx.Exec(statement).Error; err != nil {
				return err //nolint:wrapcheck // CopyTo says what it was doing
			}
		}
		return nil
	})
}

// digest is that of all rows, whatever order a database reads them in.
func (t table[R]) digest(ctx context.Context, of *Store) (Copied, error) {
	out, sum := Copied{Table: t.name()}, [sha256.Size]byte{}
	err := t.parts(ctx, of, nil, func(rows []R) error {
		for i := range rows {
			raw, err := json.Marshal(t.value(&rows[i]))
			if err != nil {
				return err //nolint:wrapcheck // CopyTo says what it was doing
			}
			for at, b := range sha256.Sum256(raw) {
				sum[at] ^= b
			}
		}
		out.Rows += int64(len(rows))
		return nil
	})
	out.Digest = hex.EncodeToString(sum[:])
	return out, err
}
