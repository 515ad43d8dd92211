package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/futurisys/futurisys/services/persistence/internal/audit"
	"github.com/futurisys/futurisys/services/persistence/internal/importing"
	"github.com/futurisys/futurisys/services/persistence/internal/server"
	"github.com/futurisys/futurisys/services/persistence/internal/store/gormstore"
	"github.com/futurisys/futurisys/services/platform/access"
	"github.com/futurisys/futurisys/services/platform/config"
	"github.com/futurisys/futurisys/services/platform/grpcclient"
	"github.com/futurisys/futurisys/services/platform/grpcserver"
	"github.com/futurisys/futurisys/services/platform/lifecycle"
	"github.com/futurisys/futurisys/services/platform/status"
	"github.com/futurisys/futurisys/services/platform/telemetry"

	internalv1 "github.com/futurisys/futurisys/proto/gen/futurisys/internalapi/v1"
	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

type serveCommand struct{}

// Run serves until a signal.
func (serveCommand) Run(s *settings) error {
	log := telemetry.NewLogger(os.Stderr, "persistence", s.LogLevel, s.LogFormat)
	metrics := telemetry.NewRegistry()
	if err := s.CheckProd(); err != nil {
		return err //nolint:wrapcheck // it names the keys
	}
	who, err := s.Secure()
	if err != nil {
		return err //nolint:wrapcheck // it names the keys
	}
	defer who.Certificates.Close()
	options := s.options(gormstore.ServerName)
	options.Registry = metrics
	if path, is := strings.CutPrefix(s.DatabaseURL, "sqlite:"); is {
		if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) { // or its volume is not mounted
			log.Warn("there is no database yet: a new, empty one is made", "path", path)
		}
	}
	rows, err := s.open(context.Background(), options, log)
	if err != nil {
		return err
	}
	defer lifecycle.Close(log, "database", rows.Close)
	if err := rows.Own(); err != nil {
		return fmt.Errorf("DATABASE_URL: %w", err)
	}
	importer, err := importing.New(rows)
	if err != nil {
		return err //nolint:wrapcheck // it says what it was doing
	}

	journal, err := audit.New(rows, who.Gate.Open(), metrics, log)
	if err != nil {
		return err //nolint:wrapcheck // it says what it was doing
	}
	defer lifecycle.Close(log, "audit", journal.Close)
	who.Gate.OnRefusal(journal.Refused)

	grpcServer := grpcserver.New(grpcserver.Options{
		Logger: log, Registry: metrics, Reflection: s.Environment != config.Prod, MaxMessageBytes: grpcclient.MaxMessageBytes, Gate: who.Gate, Certificates: who.Certificates,
		Limits: grpcserver.Limits{Calls: s.MaxInFlight, Rows: s.MaxRowsInFlight}, MapError: server.MapError,
		Unary: journal.Unary, Stream: journal.Stream,
	})
	s.register(grpcServer, rows, importer, who.Gate)
	if err := grpcServer.Prepare(); err != nil {
		return err //nolint:wrapcheck // it says what it was doing
	}

	return grpcServer.Run(grpcserver.Process{ //nolint:wrapcheck // it says what it was doing
		GRPC:  grpcserver.Addr{Key: "PERSISTENCE_GRPC_ADDR", Addr: s.PersistenceGRPCAddr},
		Admin: grpcserver.Addr{Key: "PERSISTENCE_ADMIN_ADDR", Addr: s.PersistenceAdminAddr},
		Ready: rows.Ping, Metrics: metrics, ShutdownDelay: s.ShutdownDelay, MaxConnections: s.MaxConnections, About: []any{"database", rows.Dialect()},
		Loops: []func(context.Context){
			func(ctx context.Context) { rows.KeepAnalysed(ctx, log) },
			func(ctx context.Context) { rows.KeepRetention(ctx, s.retention(), log) },
			journal.Run,
			func(ctx context.Context) { who.Gate.Run(ctx, log) },
		},
	})
}

// register registers all services.
func (s *settings) register(grpcServer *grpcserver.Server, rows *gormstore.Store, importer *importing.Importer, gate *access.Gate) {
	futurisysv1.RegisterEmployeeServiceServer(grpcServer, server.NewEmployee(rows, importer))
	futurisysv1.RegisterPredictionHistoryServiceServer(grpcServer, server.NewHistory(rows))
	internalv1.RegisterRecordingServiceServer(grpcServer, server.NewRecording(rows))
	internalv1.RegisterAliasServiceServer(grpcServer, server.NewAlias(rows))
	events := server.NewAudit(rows)
	futurisysv1.RegisterAuditServiceServer(grpcServer, events)
	internalv1.RegisterAuditJournalServiceServer(grpcServer, events)
	callers := server.NewAccess(rows)
	futurisysv1.RegisterAccessServiceServer(grpcServer, callers)
	internalv1.RegisterKeyServiceServer(grpcServer, callers)
	gate.FollowKeys(callers.Keys)
	details := func() map[string]string { return map[string]string{"database": rows.Dialect()} }
	futurisysv1.RegisterStatusServiceServer(grpcServer, status.New("persistence", s.Environment, details, rows.Ping))
}
