// Command persistence keeps employees and predictions in a database and serves
// them over gRPC.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"

	"github.com/futurisys/futurisys/services/persistence/internal/server"
	"github.com/futurisys/futurisys/services/persistence/internal/store/gormstore"
	"github.com/futurisys/futurisys/services/platform/buildinfo"
	"github.com/futurisys/futurisys/services/platform/config"
	"github.com/futurisys/futurisys/services/platform/grpcclient"
	"github.com/futurisys/futurisys/services/platform/grpcserver"
	"github.com/futurisys/futurisys/services/platform/lifecycle"
	"github.com/futurisys/futurisys/services/platform/status"
	"github.com/futurisys/futurisys/services/platform/telemetry"

	internalv1 "github.com/futurisys/futurisys/proto/gen/futurisys/internalapi/v1"
	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// settings are those of this process and its commands.
type settings struct {
	config.Common

	PersistenceGRPCAddr  string `name:"persistence-grpc-addr" env:"PERSISTENCE_GRPC_ADDR" default:"127.0.0.1:9002" help:"Address of the gRPC server."`
	PersistenceAdminAddr string `env:"PERSISTENCE_ADMIN_ADDR" default:"127.0.0.1:9092" help:"Address of health, metrics and pprof."`
	DatabaseURL          string `name:"database-url" env:"DATABASE_URL" default:"sqlite:var/futurisys.db" help:"sqlite:PATH or postgres://USER:PASSWORD@HOST/NAME."`

	Serve   serveCommand   `cmd:"" default:"1" help:"Serve (the default)."`
	Migrate migrateCommand `cmd:"" help:"Bring the schema to the newest version, or take it back by one."`
	Import  importCommand  `cmd:"" help:"Put employees on record from CSV files."`
	Health  healthCommand  `cmd:"" help:"Ask the running program whether it is ready."`
}

func main() {
	var s settings
	command, err := config.Parse("persistence", "Keeps employees and predictions.", &s, os.Args[1:])
	if err == nil {
		err = command.Run(&s)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "persistence:", err)
		os.Exit(1)
	}
}

// open connects to the database; outside prod it also brings the schema to the
// newest version, in prod that is the migrate command's.
func (s *settings) open(ctx context.Context) (*gormstore.Store, error) {
	if s.Environment == config.Prod && strings.HasPrefix(s.DatabaseURL, "sqlite:") {
		return nil, errors.New("DATABASE_URL: prod needs PostgreSQL, not SQLite")
	}
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

type serveCommand struct{}

// Run serves until a signal.
func (serveCommand) Run(s *settings) error {
	for key, addr := range map[string]string{"PERSISTENCE_GRPC_ADDR": s.PersistenceGRPCAddr, "PERSISTENCE_ADMIN_ADDR": s.PersistenceAdminAddr} {
		if err := config.CheckBind(key, addr, s.AllowInsecureBind); err != nil {
			return err //nolint:wrapcheck // it names the key
		}
	}
	log := telemetry.NewLogger(os.Stderr, "persistence", s.LogLevel, s.LogFormat)
	metrics := telemetry.NewRegistry()
	rows, err := s.open(context.Background())
	if err != nil {
		return err
	}
	defer closing(log, "database", rows)

	employees, err := server.NewEmployee(rows)
	if err != nil {
		return err //nolint:wrapcheck // it says what it was doing
	}
	grpcServer := grpcserver.New(grpcserver.Options{
		Logger: log, Registry: metrics, Reflection: s.Environment != config.Prod, MaxMessageBytes: grpcclient.MaxMessageBytes,
		MapError: server.MapError,
	})
	futurisysv1.RegisterEmployeeServiceServer(grpcServer, employees)
	futurisysv1.RegisterPredictionHistoryServiceServer(grpcServer, server.NewHistory(rows))
	internalv1.RegisterRecordingServiceServer(grpcServer, server.NewRecording(rows))
	internalv1.RegisterAliasServiceServer(grpcServer, server.NewAlias(rows))
	details := func() map[string]string { return map[string]string{"database": rows.Dialect()} }
	futurisysv1.RegisterStatusServiceServer(grpcServer, status.New("persistence", s.Environment, details, rows.Ping))
	if err := grpcServer.Prepare(); err != nil {
		return err //nolint:wrapcheck // it says what it was doing
	}

	grpcListener, err := net.Listen("tcp", s.PersistenceGRPCAddr)
	if err != nil {
		return fmt.Errorf("PERSISTENCE_GRPC_ADDR: %w", err)
	}
	adminListener, err := net.Listen("tcp", s.PersistenceAdminAddr)
	if err != nil {
		return fmt.Errorf("PERSISTENCE_ADMIN_ADDR: %w", err)
	}
	var group lifecycle.Group
	group.AddSignals(grpcServer.Health.Shutdown) // for good: the loop below cannot take it back
	group.AddGRPC(grpcServer.Server, grpcListener)
	group.AddHTTP(telemetry.AdminHandler(rows.Ping, metrics), adminListener)
	group.AddLoop(func(ctx context.Context) { grpcServer.FollowReady(ctx, rows.Ping) })
	group.AddLoop(func(ctx context.Context) { rows.KeepAnalysed(ctx, log) })
	log.Info("serving", "grpc", s.PersistenceGRPCAddr, "admin", s.PersistenceAdminAddr,
		"database", rows.Dialect(), "version", buildinfo.Version())
	return group.Run() //nolint:wrapcheck // it says what it was doing
}

func closing(log *slog.Logger, what string, closer io.Closer) {
	if err := closer.Close(); err != nil {
		log.Error("close", "what", what, "error", err)
	}
}
