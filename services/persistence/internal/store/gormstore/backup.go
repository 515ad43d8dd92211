package gormstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"gorm.io/gorm"
)

// ErrNoBackup says that PostgreSQL has tools of its own.
var ErrNoBackup = errors.New("PostgreSQL is backed up by its own tools: see docs/operating.md")

// catchUp is how many predictions may be left for the end of a backup, when nobody writes.
const catchUp = 500

// Backup writes all that is on record when it ends into a new file, while the database is
// in use. It returns how many predictions that is.
func (s *Store) Backup(ctx context.Context, path string) (predictions int64, err error) {
	if s.dialect != SQLite {
		return 0, ErrNoBackup
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		return 0, fmt.Errorf("%s is there already", path)
	}
	partial := path + ".partial"
	if err := os.Remove(partial); err != nil && !errors.Is(err, os.ErrNotExist) {
		return 0, err //nolint:wrapcheck // it names the path
	}
	made, err := os.OpenFile(partial, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) //nolint:gosec // an operator's own path
	if err != nil {
		return 0, err //nolint:wrapcheck // it names the path
	}
	defer func() {
		if err != nil {
			_ = os.Remove(partial)
		}
	}()
	if err := made.Close(); err != nil {
		return 0, err //nolint:wrapcheck // it names the path
	}
	err = s.stage.WithContext(ctx).Connection(func(own *gorm.DB) error {
		return s.backUp(ctx, own.Session(&gorm.Session{NewDB: true}), partial)
	})
	if err != nil {
		return 0, fmt.Errorf("back up: %w", err)
	}
	if predictions, err = inspect(ctx, partial); err != nil {
		return 0, err
	}
	return predictions, place(partial, path)
}

// backUp copies the whole as it is at the start, then what came meanwhile, and the last of
// it while nobody writes.
func (s *Store) backUp(ctx context.Context, own *gorm.DB, path string) error {
	if err := own.Exec("VACUUM INTO ?", path).Error; err != nil {
		return err //nolint:wrapcheck // Backup says what it was doing
	}
	if err := own.Exec("ATTACH ? AS backup", path).Error; err != nil {
		return err //nolint:wrapcheck // Backup says what it was doing
	}
	defer func() { _ = own.WithContext(context.WithoutCancel(ctx)).Exec("DETACH backup").Error }()
	for {
		added := own.Exec(newPredictions)
		if added.Error != nil {
			return added.Error
		}
		if added.RowsAffected < catchUp {
			break
		}
	}
	return s.write.WithContext(ctx).Connection(func(*gorm.DB) error { // nobody writes meanwhile
		return own.Transaction(catchUpAll)
	})
}

// newPredictions copies the predictions that a backup does not have: they are only ever added.
// A backup has the same columns.
const newPredictions = "INSERT INTO backup.predictions SELECT * FROM main.predictions " + //nolint:unqueryvet // see above
	"WHERE commit_sequence > (SELECT coalesce(max(commit_sequence), 0) FROM backup.predictions)"

// catchUpAll brings a backup to what is on record now.
func catchUpAll(tx *gorm.DB) error {
	var columns, others []string
	// The search indexes follow employees by triggers.
	err := errors.Join(
		scan(tx.Raw("SELECT name FROM pragma_table_info('employees')"), &columns),
		scan(tx.Raw(`SELECT name FROM main.sqlite_master WHERE type = 'table' AND name NOT IN ('predictions', 'employees')
			AND name NOT LIKE 'sqlite%' AND name NOT LIKE 'employee\_search%' ESCAPE '\' AND name NOT LIKE 'employee\_words%' ESCAPE '\'`), &others))
	if err != nil {
		return err
	}
	updates := make([]string, len(columns))
	for i, name := range columns {
		updates[i] = name + " = excluded." + name
	}
	statements := []string{
		newPredictions,
		"DELETE FROM backup.employees WHERE id NOT IN (SELECT id FROM main.employees)",
		"INSERT INTO backup.employees SELECT * FROM main.employees AS e WHERE NOT EXISTS (" + //nolint:unqueryvet // a backup has the same columns
			"SELECT 1 FROM backup.employees AS b WHERE b.id = e.id AND b.revision = e.revision AND b.generation = e.generation" +
			") ON CONFLICT (id) DO UPDATE SET " + strings.Join(updates, ", "),
	}
	for _, table := range others {
		statements = append(statements, "DELETE FROM backup."+table, "INSERT INTO backup."+table+" SELECT * FROM main."+table) //nolint:unqueryvet // a backup has the same columns
	}
	for _, statement := range statements {
		if err := tx.Exec(statement).Error; err != nil {
			return err //nolint:wrapcheck // Backup says what it was doing
		}
	}
	return nil
}

// inspect reads a whole file, whether it is a database of ours in good order, and returns
// how many predictions it has.
func inspect(ctx context.Context, path string) (predictions int64, err error) {
	rows, err := Open(Options{URL: "sqlite:" + path}) //nolint:contextcheck // it has a time of its own
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	var found string
	if err := scan(rows.read.WithContext(ctx).Raw("SELECT group_concat(integrity_check, '; ') FROM pragma_integrity_check"), &found); err != nil {
		return 0, fmt.Errorf("check %s: %w", path, err)
	}
	if found != "ok" {
		return 0, fmt.Errorf("%s is damaged: %s", path, found)
	}
	schema, err := rows.Schema(ctx)
	switch {
	case err != nil:
		return 0, err
	case schema.Current == 0:
		return 0, fmt.Errorf("%s is no database of this program", path)
	case schema.Current > schema.Newest:
		return 0, fmt.Errorf("%s: %w", path, ErrNewerSchema)
	}
	if err := scan(rows.read.WithContext(ctx).Raw("SELECT count(*) FROM predictions"), &predictions); err != nil {
		return 0, fmt.Errorf("count the predictions of %s: %w", path, err)
	}
	return predictions, nil
}

// Restore puts a backup in the place of the database of a URL, which no process may serve.
// What was there stays beside it; kept is its path, "": there was nothing. It returns how many
// predictions the backup has.
func Restore(ctx context.Context, backup, databaseURL string) (predictions int64, kept string, err error) {
	path, is := strings.CutPrefix(databaseURL, "sqlite:")
	if !is {
		return 0, "", ErrNoBackup
	}
	partial := path + ".partial"
	if err := copyFile(backup, partial); err != nil {
		return 0, "", fmt.Errorf("read the backup: %w", err)
	}
	defer func() { _ = os.Remove(partial) }()
	if predictions, err = inspect(ctx, partial); err != nil {
		return 0, "", err
	}
	there, err := openFile(path)
	if err != nil {
		return 0, "", fmt.Errorf("DATABASE_URL: %w", err)
	}
	rows := &Store{file: there}
	defer func() { err = errors.Join(err, there.close()) }()
	if err := rows.Own(); err != nil {
		return 0, "", err
	}
	if there.opened.Size() > 0 {
		kept = path + ".before-" + time.Now().UTC().Format("20060102T150405")
	}
	for _, part := range []string{"", "-wal", "-shm"} {
		if kept == "" {
			continue
		}
		if err := os.Rename(path+part, kept+part); err != nil && !errors.Is(err, os.ErrNotExist) {
			return 0, "", err //nolint:wrapcheck // it names the paths
		}
	}
	return predictions, kept, place(partial, path)
}

func copyFile(from, to string) error {
	source, err := os.Open(from) //nolint:gosec // an operator's own path
	if err != nil {
		return err //nolint:wrapcheck // it names the path
	}
	defer source.Close()
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err //nolint:wrapcheck // it names the path
	}
	target, err := os.OpenFile(to, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600) //nolint:gosec // an operator's own path
	if err != nil {
		return err //nolint:wrapcheck // it names the path
	}
	_, err = io.Copy(target, source)
	return errors.Join(err, target.Close())
}

// place gives a finished file its name, for good also if the machine fails the moment after.
func place(partial, path string) error {
	if err := syncPath(partial); err != nil {
		return err
	}
	if err := os.Rename(partial, path); err != nil {
		return err //nolint:wrapcheck // it names the paths
	}
	return syncPath(filepath.Dir(path))
}

func syncPath(path string) error {
	opened, err := os.Open(path) //nolint:gosec // an operator's own path
	if err != nil {
		return err //nolint:wrapcheck // it names the path
	}
	if err := errors.Join(opened.Sync(), opened.Close()); err != nil {
		return fmt.Errorf("bring %s to the disk: %w", path, err)
	}
	return nil
}
