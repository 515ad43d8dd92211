package gormstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"gorm.io/gorm"

	"github.com/futurisys/futurisys/services/persistence/internal/store"
)

// importTries is how often an import is sorted out anew because records changed meanwhile.
const importTries = 3

// importSQLite writes employees, all or none. There is one writer at a time, who must not be
// kept from what is recorded for as long as 100,000 rows take: they are staged in a table
// of the import's own connection, and then moved by one statement.
func (s *Store) importSQLite(ctx context.Context, employees []store.Employee, generation int32, progress func(int)) (counts store.ImportCounts, err error) {
	err = s.stage.WithContext(ctx).Connection(func(own *gorm.DB) error {
		own = own.Session(&gorm.Session{NewDB: true}) // or each statement begins with what the last one had
		for range importTries {
			var rows []employeeRow
			if counts, rows, err = sortOut(own, employees, generation); err != nil {
				return err
			}
			progress(counts.Unchanged)
			if len(rows) == 0 {
				return nil
			}
			if err = s.stageRows(own, rows, func(done int) { progress(counts.Unchanged + done) }); err == nil {
				err = s.move(ctx, own, rows)
			}
			if !errors.Is(err, store.ErrChanged) {
				break
			}
		}
		if err == nil {
			progress(len(employees))
		}
		return errors.Join(err, own.WithContext(context.WithoutCancel(ctx)).Exec("DROP TABLE IF EXISTS temp.staged").Error)
	})
	return counts, err
}

// stageRows puts rows into a table that only this connection has, in memory.
func (s *Store) stageRows(own *gorm.DB, rows []employeeRow, progress func(int)) error {
	for _, statement := range []string{"PRAGMA temp_store = MEMORY", "DROP TABLE IF EXISTS temp.staged", "CREATE TEMP TABLE staged AS SELECT * FROM employees LIMIT 0"} {
		if err := own.Exec(statement).Error; err != nil {
			return fmt.Errorf("stage employees: %w", err)
		}
	}
	done := 0
	for part := range slices.Chunk(rows, s.rowsPerInsert()) {
		if err := own.Table("temp.staged").Create(&part).Error; err != nil {
			return fmt.Errorf("stage %d employees: %w", len(part), err)
		}
		if done += len(part); done < len(rows) {
			progress(done)
		}
	}
	return nil
}

// move moves the staged rows to the record. store.ErrChanged: records are not any more what
// they were when the rows were sorted out.
func (s *Store) move(ctx context.Context, own *gorm.DB, rows []employeeRow) error {
	// The writer's connection is held meanwhile: who waits for it queues, and does not find
	// a busy file.
	return s.write.WithContext(ctx).Connection(func(*gorm.DB) error {
		return own.Transaction(func(tx *gorm.DB) error {
			var changed int
			err := scan(tx.Raw(`SELECT count(*) FROM temp.staged AS s LEFT JOIN employees AS e ON e.id = s.id
				WHERE coalesce(e.revision, 0) <> s.revision - 1 OR coalesce(e.generation, s.generation) <> s.generation`), &changed)
			switch {
			case err != nil:
				return fmt.Errorf("compare with the record: %w", err)
			case changed > 0:
				return store.ErrChanged
			}
			columns := strings.Join(employeeColumns(tx), ", ")
			var updates []string
			for _, assignment := range changedColumns(tx) {
				updates = append(updates, assignment.Column.Name+" = excluded."+assignment.Column.Name)
			}
			for _, statement := range []string{
				"INSERT INTO employees (" + columns + ") SELECT " + columns + " FROM temp.staged WHERE true ON CONFLICT (id) DO UPDATE SET " + strings.Join(updates, ", "),
				fmt.Sprintf("INSERT INTO latest_scores (employee_id, generation, probability) SELECT id, generation, %g FROM temp.staged WHERE true ON CONFLICT DO NOTHING", store.NoProbability),
			} {
				if err := tx.Exec(statement).Error; err != nil {
					return fmt.Errorf("write %d employees: %w", len(rows), err)
				}
			}
			if err := welcome(tx); err != nil {
				return err
			}
			return keepChange(tx)
		})
	})
}
