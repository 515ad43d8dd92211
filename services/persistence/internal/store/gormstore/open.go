// Package gormstore keeps the store's rows in SQLite or PostgreSQL through
// GORM. Nothing else here imports GORM.
package gormstore

import (
	"cmp"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"
)

// Dialects of SQL.
const (
	SQLite   = "sqlite"
	Postgres = "postgres"
)

// Options say which database it is, and how it is used.
type Options struct {
	// URL is sqlite:PATH or postgres://USER:PASSWORD@HOST/NAME.
	URL string
	// Key is what errors call the URL; "": DATABASE_URL.
	Key string
	// Name is what PostgreSQL calls the connections.
	Name string
	// Existing refuses to make SQLite's file.
	Existing bool
	// MaxConnections is how many connections PostgreSQL is asked for at most, at least
	// MinConnections; 0: 20.
	MaxConnections int
	// StatementTimeout and LockTimeout are when PostgreSQL gives a statement up, and when
	// one that waits for another's lock; 0: as the server says.
	StatementTimeout, LockTimeout time.Duration
	// Registry gets the metrics; nil: there are none.
	Registry prometheus.Registerer
}

// connectTimeout bounds how long one host may take to answer.
const connectTimeout = 5 * time.Second

// connectionLifetime makes connections move on when a database's address does.
const connectionLifetime = 30 * time.Minute

// Store keeps rows in a database. It may be used by many goroutines at once.
type Store struct {
	dialect string
	// read, write and record have connections of their own on PostgreSQL, so that slow
	// readers, or a long import, take none from what is recorded. SQLite takes one writer at
	// a time, which write and record share: queueing for the one connection is fair,
	// retrying a busy file is not.
	read, write, record *gorm.DB
	stage               *gorm.DB // SQLite's, for one import at a time
	file                *file    // SQLite's
	seen                *observer
	// How predictions are inserted into PostgreSQL.
	columns []column
	insert  string
}

// Open connects to a database. The schema must be there: see Migrate.
func Open(options Options) (*Store, error) {
	seen := newObserver(options.Registry)
	var rows *Store
	var err error
	switch {
	case strings.HasPrefix(options.URL, "sqlite:"):
		path := strings.TrimPrefix(options.URL, "sqlite:")
		rows, err = openSQLite(path, path, options.Existing, seen)
	case strings.HasPrefix(options.URL, "postgres://"), strings.HasPrefix(options.URL, "postgresql://"):
		rows, err = openPostgres(options, seen)
	default:
		err = errors.New("must be sqlite:PATH or postgres://USER:PASSWORD@HOST/NAME")
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", cmp.Or(options.Key, "DATABASE_URL"), classify(redact(err), err))
	}
	rows.seen = seen
	if err := seen.register(rows.pools()); err != nil {
		return nil, errors.Join(err, rows.Close())
	}
	return rows, nil
}

// Dialect is SQLite or Postgres.
func (s *Store) Dialect() string { return s.dialect }

// pools are the pools of connections, by name.
func (s *Store) pools() map[string]*gorm.DB {
	all := map[string]*gorm.DB{"read": s.read, "write": s.write, "record": s.record, "stage": s.stage}
	if s.record == s.write {
		delete(all, "record")
	}
	for name, pool := range all {
		if pool == nil {
			delete(all, name)
		}
	}
	return all
}

// Close closes all connections.
func (s *Store) Close() error {
	var failed error
	for _, pool := range s.pools() {
		database, err := pool.DB()
		if err == nil {
			err = database.Close()
		}
		failed = errors.Join(failed, err)
	}
	return errors.Join(failed, s.file.close())
}

func connect(dialector gorm.Dialector, connections int) (*gorm.DB, error) {
	pool, err := gorm.Open(dialector, &gorm.Config{
		// Errors come back to the caller; SQL with its values has no place in a log.
		Logger:                 logger.Discard,
		SkipDefaultTransaction: true, // transactions are where they are written
		TranslateError:         true,
	})
	if err != nil {
		return nil, err //nolint:wrapcheck // Open says what it is about
	}
	database, err := pool.DB()
	if err != nil {
		return nil, err //nolint:wrapcheck // Open says what it is about
	}
	tune(database, connections)
	return pool, nil
}

func tune(database *sql.DB, connections int) {
	database.SetMaxOpenConns(connections)
	database.SetMaxIdleConns(connections)
	database.SetConnMaxLifetime(connectionLifetime)
}

// redact keeps a password out of the message of a URL that cannot be read.
func redact(err error) error {
	if bad, ok := errors.AsType[*url.Error](err); ok {
		return bad.Err
	}
	return err
}
