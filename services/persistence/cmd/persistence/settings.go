package main

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"

	"github.com/futurisys/futurisys/services/persistence/internal/store"
	"github.com/futurisys/futurisys/services/persistence/internal/store/gormstore"
	"github.com/futurisys/futurisys/services/platform/config"
)

// settings are those of this process and its commands.
type settings struct {
	config.Common

	MaxRowsInFlight          int           `env:"MAX_ROWS_IN_FLIGHT" default:"20000" help:"How many rows the requests with more than one may have together; more are refused."`
	PersistenceGRPCAddr      string        `name:"persistence-grpc-addr" env:"PERSISTENCE_GRPC_ADDR" default:"127.0.0.1:9002" help:"Address of the gRPC server."`
	PersistenceAdminAddr     string        `env:"PERSISTENCE_ADMIN_ADDR" default:"127.0.0.1:9092" help:"Address of health, metrics and pprof."`
	DatabaseURL              string        `name:"database-url" env:"DATABASE_URL" default:"sqlite:var/futurisys.db" help:"sqlite:PATH or postgres://USER:PASSWORD@HOST/NAME."`
	DatabaseMaxConnections   int           `env:"DATABASE_MAX_CONNECTIONS" default:"20" help:"How many connections PostgreSQL is asked for at most; 8 of them write."`
	DatabaseStatementTimeout time.Duration `env:"DATABASE_STATEMENT_TIMEOUT" default:"5m" help:"When PostgreSQL gives a statement up; 0s: as the server says."`
	DatabaseLockTimeout      time.Duration `env:"DATABASE_LOCK_TIMEOUT" default:"5s" help:"When PostgreSQL gives up a statement that waits for a lock; 0s: as the server says."`
	DatabaseConnectWait      time.Duration `env:"DATABASE_CONNECT_WAIT" default:"1m" help:"How long a database that does not answer yet is waited for at the start."`
	PredictionRetention      time.Duration `env:"PREDICTION_RETENTION" default:"17520h" help:"How long predictions are kept; the default is two years."`
	AuditRetention           time.Duration `env:"AUDIT_RETENTION" default:"43800h" help:"How long audit events are kept, at least a year; the default is five years."`

	Serve   serveCommand   `cmd:"" default:"1" help:"Serve (the default)."`
	Migrate migrateCommand `cmd:"" help:"Bring the schema to the newest version, or take it back by one."`
	Import  importCommand  `cmd:"" help:"Put employees on record from CSV files."`
	Backup  backupCommand  `cmd:"" help:"Write all that is on record in SQLite into a new file, while it is in use."`
	Restore restoreCommand `cmd:"" help:"Put a backup in the place of the SQLite database, which nothing may serve."`
	Copy    copyCommand    `cmd:"" help:"Copy all that is on record to another database, and compare the two."`
	Keys    keysCommand    `cmd:"" help:"Make, list and revoke the keys of callers, in KEYS_FILE."`
	Health  healthCommand  `cmd:"" help:"Ask the running program whether it is ready."`
}

const (
	// leastAuditRetention is how long the database lets nobody remove an audit event, and a
	// day for clocks.
	leastAuditRetention = 366 * 24 * time.Hour
	forever             = 200 * 365 * 24 * time.Hour
)

// retention is for how long what is on record is kept.
func (s *settings) retention() gormstore.Retention {
	return gormstore.Retention{Predictions: s.PredictionRetention, AuditEvents: s.AuditRetention}
}

// maxLimit is more than any machine holds.
const maxLimit = 1_000_000

// Validate refuses values that cannot be meant.
func (s *settings) Validate() error {
	var database error
	switch {
	case s.Environment == config.Demo:
		database = errors.New("ENVIRONMENT: demo has no database, and no persistence")
	case s.Environment == config.Prod && strings.HasPrefix(s.DatabaseURL, "sqlite:"):
		database = errors.New("DATABASE_URL: prod needs PostgreSQL, not SQLite")
	}
	return errors.Join(
		config.Bound("MAX_ROWS_IN_FLIGHT", s.MaxRowsInFlight, 1, maxLimit),
		s.CheckCommon(),
		config.Bound("DATABASE_MAX_CONNECTIONS", s.DatabaseMaxConnections, gormstore.MinConnections, 1000), //nolint:mnd // more than a server gives
		config.Bound("DATABASE_STATEMENT_TIMEOUT", s.DatabaseStatementTimeout, 0, time.Hour),
		config.Bound("DATABASE_LOCK_TIMEOUT", s.DatabaseLockTimeout, 0, time.Hour),
		config.Bound("PREDICTION_RETENTION", s.PredictionRetention, 24*time.Hour, forever),
		config.Bound("AUDIT_RETENTION", s.AuditRetention, leastAuditRetention, forever),
		config.Bound("DATABASE_CONNECT_WAIT", s.DatabaseConnectWait, 0, time.Hour),
		database,
		s.CheckBind("PERSISTENCE_GRPC_ADDR", s.PersistenceGRPCAddr, s.TLS.Set()),
		s.CheckBind("PERSISTENCE_ADMIN_ADDR", s.PersistenceAdminAddr, false),
	)
}

// options are those of a database that is connected to under a name.
func (s *settings) options(name string) gormstore.Options {
	return gormstore.Options{
		URL: s.DatabaseURL, Name: name, MaxConnections: s.DatabaseMaxConnections,
		StatementTimeout: s.DatabaseStatementTimeout, LockTimeout: s.DatabaseLockTimeout,
	}
}

// connect connects to a database, and waits for it where it is still starting.
func (s *settings) connect(options gormstore.Options, log *slog.Logger) (*gormstore.Store, error) {
	const interval = time.Second
	for until := time.Now().Add(s.DatabaseConnectWait); ; time.Sleep(interval) {
		rows, err := gormstore.Open(options)
		if err == nil || !errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrDamaged) || time.Now().After(until) {
			return rows, err //nolint:wrapcheck // it names the key
		}
		log.Warn("the database does not answer yet", "error", err)
	}
}

// open connects to a database; outside prod it also brings the schema to the newest version,
// in prod that is the migrate command's.
func (s *settings) open(ctx context.Context, options gormstore.Options, log *slog.Logger) (*gormstore.Store, error) {
	rows, err := s.connect(options, log) //nolint:contextcheck // it has a time of its own
	if err != nil {
		return nil, err
	}
	if s.Environment != config.Prod {
		err = migrate(ctx, rows, log)
	}
	if err == nil {
		err = checkSchema(ctx, rows, log)
	}
	if err != nil {
		return nil, errors.Join(err, rows.Close())
	}
	return rows, nil
}

// migrate brings the schema to the newest version, and says so when that takes long.
func migrate(ctx context.Context, rows *gormstore.Store, log *slog.Logger) error {
	const long = 2 * time.Second
	said := time.AfterFunc(long, func() {
		log.Warn("the schema is still being migrated; another process that does, or that was killed while it did, is waited for", "schema_lease", "30s")
	})
	defer said.Stop()
	return rows.Migrate(ctx) //nolint:wrapcheck // it says what it was doing
}

func checkSchema(ctx context.Context, rows *gormstore.Store, log *slog.Logger) error {
	schema, err := rows.Schema(ctx)
	if err != nil {
		return err //nolint:wrapcheck // it says what it was doing
	}
	if err := schema.Check(); err != nil {
		return err //nolint:wrapcheck // it says all there is to say
	}
	if schema.Current > schema.Newest {
		log.Warn("the database is newer than this program, which works with it all the same", "schema", schema.Current, "known", schema.Newest)
	}
	return nil
}
