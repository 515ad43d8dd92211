// Package gormstore keeps the store's rows in SQLite or PostgreSQL through
// GORM. Nothing else here imports GORM.
package gormstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/glebarez/sqlite"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"
)

// Dialects of SQL.
const (
	SQLite   = "sqlite"
	Postgres = "postgres"
)

// pgConnections is how many connections PostgreSQL is asked for at most.
const pgConnections = 20

// connectTimeout bounds how long one host may take to answer.
const connectTimeout = 5 * time.Second

// connectionLifetime makes connections move on when a database's address does.
const connectionLifetime = 30 * time.Minute

// Store keeps rows in a database. It may be used by many goroutines at once.
type Store struct {
	dialect string
	// read and write are the same on PostgreSQL. SQLite takes one writer at a
	// time: queueing for the one connection is fair, retrying a busy file is not.
	read, write *gorm.DB
	// How predictions are inserted into PostgreSQL.
	columns []column
	insert  string
}

// Open connects to the database of a URL: sqlite:PATH or postgres://... The
// schema must be there: see Migrate.
func Open(databaseURL string) (*Store, error) {
	if path, ok := strings.CutPrefix(databaseURL, "sqlite:"); ok {
		return openSQLite(path)
	}
	if strings.HasPrefix(databaseURL, "postgres://") || strings.HasPrefix(databaseURL, "postgresql://") {
		return openPostgres(databaseURL)
	}
	return nil, errors.New("DATABASE_URL: must be sqlite:PATH or postgres://USER:PASSWORD@HOST/NAME")
}

// Dialect is SQLite or Postgres.
func (s *Store) Dialect() string { return s.dialect }

// Ping says whether the database answers.
func (s *Store) Ping(ctx context.Context) error {
	database, err := s.read.DB()
	if err != nil {
		return fmt.Errorf("reach the database: %w", err)
	}
	if err := database.PingContext(ctx); err != nil {
		return fmt.Errorf("reach the database: %w", err)
	}
	return nil
}

// Close closes all connections.
func (s *Store) Close() error {
	var failed error
	for _, pool := range []*gorm.DB{s.read, s.write} {
		if pool == nil {
			continue
		}
		database, err := pool.DB()
		if err == nil {
			err = database.Close()
		}
		failed = errors.Join(failed, err)
	}
	return failed
}

func openSQLite(path string) (*Store, error) {
	if path == "" {
		return nil, errors.New("DATABASE_URL: sqlite: needs a path")
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("DATABASE_URL: %w", err)
	}
	pragmas := url.Values{"_pragma": {
		"journal_mode(WAL)", "busy_timeout(5000)", "synchronous(FULL)", "foreign_keys(1)",
	}, "_txlock": {"immediate"}}
	// The path is escaped: a ? in a folder's name must not start the options.
	dsn := "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + pragmas.Encode()
	store := &Store{dialect: SQLite}
	var err error
	if store.write, err = connect(sqliteDialector{&sqlite.Dialector{DSN: dsn}}, 1); err != nil {
		return nil, err
	}
	if store.read, err = connect(sqliteDialector{&sqlite.Dialector{DSN: dsn}}, max(4, runtime.GOMAXPROCS(0))); err != nil {
		return nil, errors.Join(err, store.Close())
	}
	return store, nil
}

// openPostgres connects to a server, or to whichever of several takes writes:
// postgres://USER:PASSWORD@HOST1,HOST2/NAME. pgx tries one after the other, also
// after a switch-over, when the old connections break.
func openPostgres(databaseURL string) (*Store, error) {
	settings, err := pgx.ParseConfig(databaseURL)
	if err != nil {
		return nil, fmt.Errorf("DATABASE_URL: %w", redact(err))
	}
	if settings.ConnectTimeout == 0 {
		settings.ConnectTimeout = connectTimeout
	}
	if len(settings.Fallbacks) > 0 && settings.ValidateConnect == nil {
		settings.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	}
	pool, err := connectPostgres(settings)
	if isPooled(err) {
		// A pooler such as pgbouncer gives each transaction another session, where the
		// statements that this one prepared are unknown, or another one's. Then each call
		// brings its statement along.
		settings.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
		pool, err = connectPostgres(settings)
	}
	if err != nil {
		return nil, err
	}
	columns := predictionColumns()
	return &Store{dialect: Postgres, read: pool, write: pool, columns: columns, insert: insertStatement(columns)}, nil
}

// connectPostgres connects, and tries whether prepared statements stay with a connection:
// two that are open at once prepare the same one.
func connectPostgres(settings *pgx.ConnConfig) (*gorm.DB, error) {
	pool, err := connect(postgresDialector{&postgres.Dialector{Config: &postgres.Config{Conn: stdlib.OpenDB(*settings)}}}, pgConnections)
	if err != nil {
		return nil, err
	}
	database, err := pool.DB()
	if err != nil {
		return nil, fmt.Errorf("DATABASE_URL: %w", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), connectTimeout)
	defer cancel()
	for range 2 {
		var connection *sql.Conn
		if connection, err = database.Conn(ctx); err != nil {
			break
		}
		defer connection.Close() // after the second: it must be another one
		if _, err = connection.ExecContext(ctx, "SELECT $1::integer", 1); err != nil {
			break
		}
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("DATABASE_URL: %w", redact(err)), database.Close())
	}
	return pool, nil
}

// isPooled says whether an error is one of a prepared statement that another session has,
// or this one has not.
func isPooled(err error) bool {
	const twice, unknown = "42P05", "26000"
	failed, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (failed.Code == twice || failed.Code == unknown)
}

func connect(dialector gorm.Dialector, connections int) (*gorm.DB, error) {
	pool, err := gorm.Open(dialector, &gorm.Config{
		// Errors come back to the caller; SQL with its values has no place in a log.
		Logger:                 logger.Discard,
		SkipDefaultTransaction: true, // transactions are where they are written
		TranslateError:         true,
	})
	if err != nil {
		return nil, fmt.Errorf("DATABASE_URL: %w", redact(err))
	}
	database, err := pool.DB()
	if err != nil {
		return nil, fmt.Errorf("DATABASE_URL: %w", err)
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
