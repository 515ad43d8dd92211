package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"

	"github.com/futurisys/futurisys/services/inference/internal/journal"
	"github.com/futurisys/futurisys/services/inference/internal/registry"
	"github.com/futurisys/futurisys/services/platform/grpcclient"

	internalv1 "github.com/futurisys/futurisys/proto/gen/futurisys/internalapi/v1"
	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// persistence is what this process uses of persistence; all is nil without a database.
type persistence struct {
	connection *grpc.ClientConn
	employees  futurisysv1.EmployeeServiceClient
	records    internalv1.RecordingServiceClient
	journal    *journal.Journal // of aliases, for all copies
}

// connect connects to persistence, where there is a database.
func (s *settings) connect(repositoryName string, own grpcclient.Identity, log *slog.Logger, metrics prometheus.Registerer) (persistence, error) {
	if !s.hasDatabase() {
		return persistence{}, nil
	}
	connection, err := grpcclient.New("persistence", s.PersistenceTarget, own, metrics)
	if err != nil {
		return persistence{}, fmt.Errorf("PERSISTENCE_TARGET: %w", err)
	}
	return persistence{
		connection: connection,
		employees:  futurisysv1.NewEmployeeServiceClient(connection),
		records:    internalv1.NewRecordingServiceClient(connection),
		journal:    s.followJournal(internalv1.NewAliasServiceClient(connection), repositoryName, log),
	}, nil
}

// followAliases follows the common journal until ctx ends, where there is one.
func (p persistence) followAliases(ctx context.Context, models *registry.Registry) {
	if p.journal == nil {
		<-ctx.Done()
		return
	}
	p.journal.Run(ctx, models.Follow, models.Applied)
}

// Close ends the connection.
func (p persistence) Close() error {
	if p.connection == nil {
		return nil
	}
	return p.connection.Close() //nolint:wrapcheck // it says what it was doing
}

// followJournal follows the journal that persistence keeps for all copies.
func (s *settings) followJournal(client internalv1.AliasServiceClient, repositoryName string, log *slog.Logger) *journal.Journal {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return journal.New(journal.Options{
		Client: client, Repository: repositoryName, Logger: log,
		Copy:  fmt.Sprintf("%s %s %.8s", host, s.InferenceGRPCAddr, uuid.NewString()),
		Cache: registry.NewFileJournal(s.ModelStateDir, repositoryName),
	})
}

// journal is the common one where there is a database, else the file of this copy; nil:
// it is kept for this run.
func (s *settings) journal(common *journal.Journal, repositoryName string) registry.Journal {
	switch {
	case common != nil:
		return common
	case s.ModelStateDir != "":
		return registry.NewFileJournal(s.ModelStateDir, repositoryName)
	}
	return nil
}
