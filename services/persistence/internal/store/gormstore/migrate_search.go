package gormstore

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/pressly/goose/v3"

	"github.com/futurisys/futurisys/services/persistence/internal/store"
)

// fillSearchText is the migration that writes the search text of the employees on
// record: how a text is folded is known to the program alone.
func (s *Store) fillSearchText() *goose.Migration {
	const version = 6
	nothing := func(context.Context, *sql.Tx) error { return nil } // the column goes with the version before
	return goose.NewGoMigration(version, &goose.GoFunc{RunTx: s.foldAll}, &goose.GoFunc{RunTx: nothing})
}

func (s *Store) foldAll(ctx context.Context, tx *sql.Tx) error {
	rows, err := tx.QueryContext(ctx, "SELECT id, display_name, job_title, department FROM employees")
	if err != nil {
		return fmt.Errorf("read the employees: %w", err)
	}
	defer rows.Close()
	texts := map[int32]string{}
	for rows.Next() {
		var e store.Employee
		if err := rows.Scan(&e.ID, &e.DisplayName, &e.Profile.JobTitle, &e.Profile.Department); err != nil {
			return fmt.Errorf("read the employees: %w", err)
		}
		texts[e.ID] = e.SearchText()
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read the employees: %w", err)
	}
	update, err := tx.PrepareContext(ctx, "UPDATE employees SET search_text = $1 WHERE id = $2")
	if err != nil {
		return fmt.Errorf("write the search text: %w", err)
	}
	defer update.Close()
	for id, text := range texts {
		if _, err := update.ExecContext(ctx, text, id); err != nil {
			return fmt.Errorf("write the search text of employee %d: %w", id, err)
		}
	}
	return nil
}
