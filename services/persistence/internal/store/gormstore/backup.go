package gormstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"
)

// ErrNoBackup says that PostgreSQL has tools of its own.
var ErrNoBackup = errors.New("PostgreSQL is backed up by its own tools: see docs/operating.md")

// catchUp is how many predictions may be left for the end of a backup, when nobody writes.
const catchUp = 500

// Backed says what is in a backup: so many predictions, all that were on record at a time.
type Backed struct {
	Predictions int64
	Time        time.Time
}

// Backup writes all that is on record when its copy is finished into a new file, while the
// database is in use, and then reads that file from end to end.
func (s *Store) Backup(ctx context.Context, path string) (out Backed, err error) {
	if s.dialect != SQLite {
		return Backed{}, ErrNoBackup
	}
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		return Backed{}, fmt.Errorf("%s is there already", path)
	}
	// Another backup to the same path has a file of its own.
	made, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*.partial")
	if err != nil {
		return Backed{}, err //nolint:wrapcheck // it names the path
	}
	partial := made.Name()
	defer func() {
		if err != nil {
			err = errors.Join(err, removeDatabase(partial))
		}
	}()
	if err := made.Close(); err != nil {
		return Backed{}, err //nolint:wrapcheck // it names the path
	}
	err = s.stage.WithContext(ctx).Connection(func(own *gorm.DB) (err error) {
		out.Time, err = s.backUp(ctx, own.Session(&gorm.Session{NewDB: true}), partial)
		return err
	})
	if err != nil {
		return Backed{}, fmt.Errorf("back up: %w", err)
	}
	if out.Predictions, err = inspect(ctx, partial, path); err != nil {
		return Backed{}, err
	}
	return out, placeNew(partial, path)
}

// parts are the file of a database and what SQLite keeps beside it.
func parts() []string { return []string{"", "-journal", "-wal", "-shm"} }

// removeDatabase removes a file of SQLite and what SQLite keeps beside it.
func removeDatabase(path string) error {
	var failed error
	for _, part := range parts() {
		if err := os.Remove(path + part); err != nil && !errors.Is(err, os.ErrNotExist) {
			failed = errors.Join(failed, err)
		}
	}
	return failed
}

// backUp copies the whole as it is at the start, then what came meanwhile, and the last of
// it while nobody writes. It returns when that was.
func (s *Store) backUp(ctx context.Context, own *gorm.DB, path string) (moment time.Time, err error) {
	if err := own.Exec("VACUUM INTO ?", path).Error; err != nil {
		return moment, err //nolint:wrapcheck // Backup says what it was doing
	}
	if err := own.Exec("ATTACH ? AS backup", path).Error; err != nil {
		return moment, err //nolint:wrapcheck // Backup says what it was doing
	}
	defer func() { _ = own.WithContext(context.WithoutCancel(ctx)).Exec("DETACH backup").Error }()
	for {
		added := own.Exec(newPredictions)
		if added.Error != nil {
			return moment, added.Error
		}
		if added.RowsAffected < catchUp {
			break
		}
	}
	err = s.write.WithContext(ctx).Connection(func(*gorm.DB) error { // nobody writes meanwhile
		moment = time.Now()
		return own.Transaction(catchUpAll)
	})
	return moment, err //nolint:wrapcheck // Backup says what it was doing
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
		scan(tx.Raw(`SELECT name FROM main.sqlite_master WHERE type = 'table' AND name NOT IN ('predictions', 'employees', 'audit_events')
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
		"INSERT INTO backup.audit_events SELECT * FROM main.audit_events WHERE number > (SELECT coalesce(max(number), 0) FROM backup.audit_events)",
		"DELETE FROM backup.predictions WHERE employee_id IN (SELECT employee_id FROM main.erasures) AND id NOT IN (SELECT id FROM main.predictions)",
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
// how many predictions it has. Errors call it by a name.
func inspect(ctx context.Context, path, name string) (predictions int64, err error) {
	rows, err := openSQLite(path, name, true, newObserver(nil))
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	var found string
	if err := scan(rows.read.WithContext(ctx).Raw("SELECT group_concat(integrity_check, '; ') FROM pragma_integrity_check"), &found); err != nil {
		return 0, fmt.Errorf("check %s: %w", name, err)
	}
	if found != "ok" {
		return 0, fmt.Errorf("%s is damaged: %s", name, found)
	}
	schema, err := rows.Schema(ctx)
	switch {
	case err != nil:
		return 0, fmt.Errorf("%s: %w", name, err)
	case schema.Current == 0:
		return 0, fmt.Errorf("%s is no database of this program", name)
	case schema.Current > schema.Newest && schema.Check() != nil:
		return 0, fmt.Errorf("%s: %w", name, schema.Check())
	}
	if err := scan(rows.read.WithContext(ctx).Raw("SELECT count(*) FROM predictions"), &predictions); err != nil {
		return 0, fmt.Errorf("count the predictions of %s: %w", name, err)
	}
	return predictions, nil
}

// Restore puts a backup in the place of the database of a URL, which no process may serve.
// What was there stays beside it; kept is its path, "": there was nothing. It returns how many
// predictions the backup has. An error leaves all as it was.
func Restore(ctx context.Context, backup, databaseURL string) (predictions int64, kept string, err error) {
	path, is := strings.CutPrefix(databaseURL, "sqlite:")
	if !is {
		return 0, "", ErrNoBackup
	}
	_, absent := os.Stat(path)
	there, err := openFile(path, false)
	if err != nil {
		return 0, "", fmt.Errorf("DATABASE_URL: %w", err)
	}
	defer func() {
		if err != nil && errors.Is(absent, os.ErrNotExist) {
			err = errors.Join(err, os.Remove(there.path)) // it was made only to be locked
		}
		err = errors.Join(err, there.close())
	}()
	if err := (&Store{file: there}).Own(); err != nil {
		return 0, "", fmt.Errorf("DATABASE_URL: %w", err)
	}
	made, err := os.CreateTemp(filepath.Dir(there.path), filepath.Base(there.path)+".*.partial")
	if err != nil {
		return 0, "", err //nolint:wrapcheck // it names the path
	}
	partial := made.Name() // a name of its own: another one might be the backup's
	if err := made.Close(); err != nil {
		return 0, "", err //nolint:wrapcheck // it names the path
	}
	defer func() { err = errors.Join(err, removeDatabase(partial)) }()
	if err := copyDatabase(backup, partial); err != nil {
		return 0, "", fmt.Errorf("copy the backup: %w", err)
	}
	if predictions, err = inspect(ctx, partial, backup); err != nil {
		return 0, "", err
	}
	if left, err := os.Stat(partial + "-wal"); err == nil && left.Size() > 0 {
		return 0, "", fmt.Errorf("%s: its newest rows cannot be taken in", backup)
	}
	kept, err = there.replace(partial)
	return predictions, kept, err
}

// replace puts another file in the place of a database that nobody has open, and returns
// under which name what was there is kept; "": there was nothing. All that SQLite keeps beside
// a file is moved with it, also where the file itself is gone: it would be taken for the new
// one's newest rows.
func (f *file) replace(by string) (kept string, err error) {
	if f.opened.Size() > 0 {
		f.checkpoint()
	}
	name, something := f.unusedName(), false
	for _, part := range parts() {
		info, err := os.Stat(f.path + part)
		if errors.Is(err, os.ErrNotExist) || err == nil && part == "" && info.Size() == 0 {
			continue
		}
		if err := os.Rename(f.path+part, name+part); err != nil {
			return "", err //nolint:wrapcheck // it names the paths
		}
		something = true
	}
	if something {
		kept = name
	}
	if err := place(by, f.path); err != nil {
		return "", fmt.Errorf("%w; what was there is in %s", err, name)
	}
	return kept, nil
}

// checkpoint takes the newest rows into the file itself, if it reads: it is then whole alone.
func (f *file) checkpoint() {
	if rows, err := openSQLite(f.path, f.path, true, newObserver(nil)); err == nil {
		_ = rows.write.Exec("PRAGMA wal_checkpoint(TRUNCATE)").Error // one that does not read is kept as it is
		_ = rows.Close()
	}
}

// unusedName is one under which nothing is kept yet.
func (f *file) unusedName() string {
	for {
		name := f.path + ".before-" + time.Now().UTC().Format("20060102T150405.000000")
		taken := slices.ContainsFunc(parts(), func(part string) bool {
			_, err := os.Lstat(name + part)
			return err == nil
		})
		if !taken {
			return name
		}
	}
}

// copyDatabase copies a file of SQLite, with the newest rows beside it that it may have.
func copyDatabase(from, to string) error {
	if err := removeDatabase(to); err != nil {
		return err
	}
	if err := copyFile(from, to); err != nil {
		return err
	}
	newest, err := os.Stat(from + "-wal")
	if errors.Is(err, os.ErrNotExist) || err == nil && newest.Size() == 0 {
		return nil
	}
	return errors.Join(err, copyFile(from+"-wal", to+"-wal"))
}

func copyFile(from, to string) error {
	source, err := os.Open(from)
	if err != nil {
		return err //nolint:wrapcheck // it names the path
	}
	defer source.Close()
	target, err := os.OpenFile(to, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err //nolint:wrapcheck // it names the path
	}
	_, err = io.Copy(target, source)
	return errors.Join(err, target.Close())
}

// placeNew gives a finished file a name that nothing has.
func placeNew(partial, path string) error {
	if err := syncPath(partial); err != nil {
		return err
	}
	err := os.Link(partial, path) // unlike a rename it replaces nothing
	if errors.Is(err, os.ErrExist) {
		return fmt.Errorf("%s is there already", path)
	}
	if err != nil { // a file system without links
		return place(partial, path)
	}
	return errors.Join(removeDatabase(partial), syncPath(filepath.Dir(path)))
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
	opened, err := os.Open(path)
	if err != nil {
		return err //nolint:wrapcheck // it names the path
	}
	if err := errors.Join(opened.Sync(), opened.Close()); err != nil {
		return fmt.Errorf("bring %s to the disk: %w", path, err)
	}
	return nil
}
