package gormstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
)

// How many connections there are: those of writers and of what is recorded, out of all.
const (
	defaultConnections = 20
	writeConnections   = 4
	recordConnections  = 4
	// MinConnections leaves some to readers.
	MinConnections = writeConnections + recordConnections + 2
)

// applicationName is PostgreSQL's parameter of what a connection is called.
const applicationName = "application_name"

// openPostgres connects to a server, or to whichever of several takes writes:
// postgres://USER:PASSWORD@HOST1,HOST2/NAME. pgx tries one after the other, also
// after a switch-over, when the old connections break.
func openPostgres(options Options, seen *observer) (*Store, error) {
	settings, err := pgx.ParseConfig(options.URL)
	if err != nil {
		return nil, err //nolint:wrapcheck // Open says what it is about
	}
	if settings.ConnectTimeout == 0 {
		settings.ConnectTimeout = connectTimeout
	}
	if severalHosts(options.URL) && settings.ValidateConnect == nil {
		settings.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	}
	if _, given := settings.RuntimeParams[applicationName]; !given && options.Name != "" {
		settings.RuntimeParams[applicationName] = options.Name
	}
	bound := func(name string, timeout time.Duration) {
		if _, given := settings.RuntimeParams[name]; !given && timeout > 0 {
			settings.RuntimeParams[name] = strconv.FormatInt(timeout.Milliseconds(), 10)
		}
	}
	bound("statement_timeout", options.StatementTimeout)
	bound("lock_timeout", options.LockTimeout)
	if err := adapt(settings); err != nil {
		return nil, err
	}
	rows := &Store{dialect: Postgres, columns: predictionColumns()}
	rows.insert = insertStatement(rows.columns)
	connections := options.MaxConnections
	if connections == 0 {
		connections = defaultConnections
	}
	for pool, size := range map[**gorm.DB]int{
		&rows.read: connections - writeConnections - recordConnections, &rows.write: writeConnections, &rows.record: recordConnections,
	} {
		if *pool, err = connectPostgres(settings, size, seen); err != nil {
			return nil, errors.Join(err, rows.Close())
		}
	}
	return rows, nil
}

// severalHosts says whether a URL names more than one server. That pgx has another way to
// reach a server does not: it tries one with and one without TLS.
func severalHosts(databaseURL string) bool {
	parsed, err := url.Parse(databaseURL)
	return err == nil && (strings.Contains(parsed.Host, ",") || strings.Contains(parsed.Query().Get("host"), ","))
}

// adapt finds out whether prepared statements stay with a connection, and whether the
// server takes the parameters: a pooler such as pgbouncer gives each transaction another
// session, where the statements that this one prepared are unknown, or another one's; then
// each call brings its statement along. Of parameters it takes only those that it knows.
func adapt(settings *pgx.ConnConfig) error {
	err := tryPrepared(settings)
	if failed, ok := errors.AsType[*pgconn.PgError](err); ok && failed.Code == unsupportedParameter {
		delete(settings.RuntimeParams, "statement_timeout")
		delete(settings.RuntimeParams, "lock_timeout")
		err = tryPrepared(settings)
	}
	if isPooled(err) {
		settings.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
		err = tryPrepared(settings)
	}
	return err
}

// unsupportedParameter is pgbouncer's code for a parameter that it does not know.
const unsupportedParameter = "08P01"

// tryPrepared prepares the same statement in two connections that are open at once.
func tryPrepared(settings *pgx.ConnConfig) error {
	ctx, cancel := context.WithTimeout(context.Background(), connectTimeout)
	defer cancel()
	for range 2 {
		connection, err := pgx.ConnectConfig(ctx, settings)
		if err != nil {
			return err //nolint:wrapcheck // Open says what it is about
		}
		defer func() { _ = connection.Close(ctx) }() // after the second: it must be another one
		if _, err := connection.Exec(ctx, "SELECT $1::integer", 1); err != nil {
			return err //nolint:wrapcheck // Open says what it is about
		}
	}
	return nil
}

// isPooled says whether an error is one of a prepared statement that another session has,
// or this one has not.
func isPooled(err error) bool {
	const twice, unknown = "42P05", "26000"
	failed, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (failed.Code == twice || failed.Code == unknown)
}

func connectPostgres(settings *pgx.ConnConfig, connections int, seen *observer) (*gorm.DB, error) {
	sharing := &sharingConnector{Connector: stdlib.GetConnector(*settings, stdlib.OptionAfterConnect(seen.begin), stdlib.OptionResetSession(seen.reuse)), most: connections}
	sharing.pool = sql.OpenDB(sharing)
	pool, err := connect(postgresDialector{&postgres.Dialector{Config: &postgres.Config{Conn: sharing.pool}}, seen}, connections)
	if err != nil {
		return nil, errors.Join(err, sharing.pool.Close())
	}
	return pool, nil
}

// sharingConnector makes do with fewer connections where the server gives no more: who
// needs one waits for another to be free, as if the pool were so large only.
type sharingConnector struct {
	driver.Connector

	pool *sql.DB
	most int
}

// shareFor is how long it is before more connections are asked for again.
const shareFor = 30 * time.Second

// Connect opens a connection. driver.ErrBadConn: wait for one that is there.
func (c *sharingConnector) Connect(ctx context.Context) (driver.Conn, error) {
	connection, err := c.Connector.Connect(ctx)
	if failed, ok := errors.AsType[*pgconn.PgError](err); ok && failed.Code == tooManyConnections {
		if there := c.pool.Stats().OpenConnections - 1; there > 0 { // this one counts
			c.pool.SetMaxOpenConns(there)
			time.AfterFunc(shareFor, func() { c.pool.SetMaxOpenConns(c.most) })
			return nil, driver.ErrBadConn
		}
	}
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	return connection, nil
}
