package gormstore

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"

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
// the two. The other one must be empty, or what an earlier try that broke off has copied: this
// goes on then. Nobody may write to either meanwhile: see Alone. progress is called with how
// many rows of a table are done.
//
// Whom inference's copies are is not copied: they say so again.
func (s *Store) CopyTo(ctx context.Context, to *Store, progress func(table string, rows int64)) ([]Copied, error) {
	tables := []copier{
		copying(employeeRow{}, "id", func(r *employeeRow) int64 { return int64(r.ID) }, func(r *employeeRow) any { return r.employee() }),
		copying(latestRow{}, "employee_id", func(r *latestRow) int64 { return int64(r.EmployeeID) }, func(r *latestRow) any { return [2]any{r.Generation, r.summary()} }),
		copying(predictionRow{}, "commit_sequence", func(r *predictionRow) int64 { return r.CommitSequence }, readPrediction),
		copying(conflictRow{}, "number", func(r *conflictRow) int64 { return r.Number }, readConflict),
		copying(aliasChangeRow{}, "", nil, func(r *aliasChangeRow) any { return [2]any{r.ChangeTime.UnixMicro(), withoutTime(r)} }),
		copying(auditRow{}, "number", func(r *auditRow) int64 { return r.Number }, readEvent),
		copying(keyRow{}, "", nil, func(r *keyRow) any { return r.key() }),
		copying(erasureRow{}, "", nil, func(r *erasureRow) any {
			return [4]int64{int64(r.EmployeeID), int64(r.FirstGeneration), int64(r.LastGeneration), r.EraseTime.UnixMicro()}
		}),
	}
	for _, table := range tables {
		if err := table.mustBegin(ctx, s, to); err != nil {
			return nil, fmt.Errorf("look at %s: %w", table.name(), err)
		}
	}
	for _, table := range tables {
		if err := table.copy(ctx, s, to, progress); err != nil {
			return nil, fmt.Errorf("copy %s: %w", table.name(), err)
		}
	}
	if err := s.copyCounters(ctx, to); err != nil {
		return nil, fmt.Errorf("copy the counters: %w", err)
	}
	var copied []Copied
	for _, table := range tables {
		here, err := table.digest(ctx, s, all)
		if err != nil {
			return nil, fmt.Errorf("compare %s: %w", table.name(), err)
		}
		there, err := table.digest(ctx, to, all)
		if err != nil {
			return nil, fmt.Errorf("compare %s: %w", table.name(), err)
		}
		if here != there {
			return nil, fmt.Errorf("%s are not the same: %d rows here, %d there; somebody wrote meanwhile", table.name(), here.Rows, there.Rows)
		}
		copied = append(copied, here)
	}
	return copied, nil
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

func readEvent(r *auditRow) any {
	event, err := r.event()
	if err != nil {
		return err.Error()
	}
	return event
}

// copier copies one table.
type copier interface {
	name() string
	copy(ctx context.Context, from, to *Store, progress func(string, int64)) error
	mustBegin(ctx context.Context, from, to *Store) error
	digest(ctx context.Context, of *Store, keys span) (Copied, error)
}

// span is the keys beyond one and up to another.
type span struct{ beyond, upTo int64 }

// all is the span of all keys.
var all = span{math.MinInt64, math.MaxInt64} //nolint:gochecknoglobals // a constant

// table is a table of rows R, whose key is one number that only grows; "": it is small and
// read at once.
type table[R any] struct {
	row   R
	key   string
	keyOf func(*R) int64
	value func(*R) any // what is compared: as the store has it, not as a database writes it
}

func copying[R any](row R, key string, keyOf func(*R) int64, value func(*R) any) copier {
	return table[R]{row, key, keyOf, value}
}

func (t table[R]) name() string { return any(t.row).(interface{ TableName() string }).TableName() } //nolint:forcetypeassert // all rows have one

// parts calls each with the rows of a span, in parts.
func (t table[R]) parts(ctx context.Context, of *Store, keys span, each func([]R) error) error {
	for {
		query := of.read.WithContext(ctx)
		if t.key != "" {
			query = query.Where(t.key+" > CAST(? AS bigint) AND "+t.key+" <= CAST(? AS bigint)", keys.beyond, keys.upTo).Order(t.key).Limit(rowsPerCopy)
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
		keys.beyond = t.keyOf(&rows[len(rows)-1])
	}
}

// last is the span up to the last key that a database has.
func (t table[R]) last(ctx context.Context, of *Store) (span, error) {
	last := all
	if t.key == "" {
		return last, nil
	}
	err := scan(of.read.WithContext(ctx).Model(&t.row).Select(fmt.Sprintf("coalesce(max(%s), %d)", t.key, last.beyond)), &last.upTo)
	return last, err
}

// errOwnRows says that a database is not only a copy.
var errOwnRows = errors.New("the other database has rows of its own, and is left as it was: an empty one is needed")

// mustBegin returns an error unless what the other database has is how this one begins.
func (t table[R]) mustBegin(ctx context.Context, from, to *Store) error {
	keys, err := t.last(ctx, to)
	if err != nil {
		return err
	}
	there, err := t.digest(ctx, to, keys)
	if err != nil || there.Rows == 0 {
		return err
	}
	here, err := t.digest(ctx, from, keys)
	if err != nil {
		return err
	}
	if here != there {
		return errOwnRows
	}
	return nil
}

// copy copies what comes after the last row that is there: rows are copied in the order of
// their keys.
func (t table[R]) copy(ctx context.Context, from, to *Store, progress func(string, int64)) error {
	there, err := t.last(ctx, to)
	if err != nil {
		return err
	}
	missing := span{there.upTo, all.upTo}
	if t.key == "" {
		missing = all
	}
	done := int64(0)
	return t.parts(ctx, from, missing, func(rows []R) error {
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

// copyCounters lets the other database go on counting where this one is, or where it is if
// that is further: no number is ever given again.
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
			err := tx.Exec("INSERT INTO counters (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value WHERE counters.value < excluded.value", c.Name, c.Value).Error
			if err != nil {
				return err //nolint:wrapcheck // CopyTo says what it was doing
			}
		}
		if to.dialect == SQLite {
			return nil
		}
		for _, statement := range []string{
			setval("prediction_commits", "predictions", "commit_sequence"),
			setval("prediction_conflicts_number_seq", "prediction_conflicts", "number"),
			setval("audit_events_number_seq", "audit_events", "number"),
		} {
			if err := tx.Exec(statement).Error; err != nil {
				return err //nolint:wrapcheck // CopyTo says what it was doing
			}
		}
		return nil
	})
}

// setval lets a sequence go on behind the highest number of a column.
func setval(sequence, table, column string) string {
	return fmt.Sprintf("SELECT setval('%[1]s', greatest((SELECT last_value + is_called::int FROM %[1]s), (SELECT coalesce(max(%[3]s), 0) + 1 FROM %[2]s)), false)", sequence, table, column)
}

// digest is that of the rows of a span, whatever order a database reads them in: the sum of
// those of the rows, each with its key.
func (t table[R]) digest(ctx context.Context, of *Store, keys span) (Copied, error) {
	out, sum := Copied{Table: t.name()}, new(big.Int)
	err := t.parts(ctx, of, keys, func(rows []R) error {
		for i := range rows {
			var key int64
			if t.keyOf != nil {
				key = t.keyOf(&rows[i])
			}
			raw, err := json.Marshal([2]any{key, t.value(&rows[i])})
			if err != nil {
				return err //nolint:wrapcheck // CopyTo says what it was doing
			}
			one := sha256.Sum256(raw)
			sum.Add(sum, new(big.Int).SetBytes(one[:]))
		}
		out.Rows += int64(len(rows))
		return nil
	})
	whole := sha256.Sum256(sum.Bytes())
	out.Digest = hex.EncodeToString(whole[:])
	return out, err
}
