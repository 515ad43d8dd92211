package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/futurisys/futurisys/services/persistence/internal/store/gormstore"
	"github.com/futurisys/futurisys/services/platform/config"
)

// settings are those of this process and its commands.
type settings struct {
	config.Common

	MaxRowsInFlight      int    `env:"MAX_ROWS_IN_FLIGHT" default:"20000" help:"How many rows the requests with more than one may have together; more are refused."`
	PersistenceGRPCAddr  string `name:"persistence-grpc-addr" env:"PERSISTENCE_GRPC_ADDR" default:"127.0.0.1:9002" help:"Address of the gRPC server."`
	PersistenceAdminAddr string `env:"PERSISTENCE_ADMIN_ADDR" default:"127.0.0.1:9092" help:"Address of health, metrics and pprof."`
	DatabaseURL          string `name:"database-url" env:"DATABASE_URL" default:"sqlite:var/futurisys.db" help:"sqlite:PATH or postgres://USER:PASSWORD@HOST/NAME."`

	Serve   serveCommand   `cmd:"" default:"1" help:"Serve (the default)."`
	Migrate migrateCommand `cmd:"" help:"Bring the schema to the newest version, or take it back by one."`
	Import  importCommand  `cmd:"" help:"Put employees on record from CSV files."`
	Health  healthCommand  `cmd:"" help:"Ask the running program whether it is ready."`
}

// maxLimit is more than any machine holds.
const maxLimit = 1_000_000

// Validate refuses values that cannot be meant.
func (s *settings) Validate() error {
	var database error
	if s.Environment == config.Prod && strings.HasPrefix(s.DatabaseURL, "sqlite:") {
		database = errors.New("DATABASE_URL: prod needs PostgreSQL, not SQLite")
	}
	return errors.Join(
		config.Bound("MAX_ROWS_IN_FLIGHT", s.MaxRowsInFlight, 1, maxLimit),
		s.CheckCommon(),
		database,
		s.CheckBind("PERSISTENCE_GRPC_ADDR", s.PersistenceGRPCAddr),
		s.CheckBind("PERSISTENCE_ADMIN_ADDR", s.PersistenceAdminAddr),
	)
}

// open connects to the database; outside prod it also brings the schema to the
// newest version, in prod that is the migrate command's.
func (s *settings) open(ctx context.Context) (*gormstore.Store, error) {
	rows, err := gormstore.Open(s.DatabaseURL) //nolint:contextcheck // it has a time of its own
	if err != nil {
		return nil, err //nolint:wrapcheck // it names the key
	}
	if s.Environment != config.Prod {
		_, err = rows.Migrate(ctx)
	}
	if err == nil {
		err = checkSchema(ctx, rows)
	}
	if err != nil {
		return nil, errors.Join(err, rows.Close())
	}
	return rows, nil
}

func checkSchema(ctx context.Context, rows *gormstore.Store) error {
	current, newest, err := rows.SchemaVersions(ctx)
	if err != nil {
		return err //nolint:wrapcheck // it says what it was doing
	}
	if current != newest {
		return fmt.Errorf("the database's schema is version %d, this program needs %d: run `persistence migrate`", current, newest)
	}
	return nil
}
