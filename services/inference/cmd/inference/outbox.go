package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/futurisys/futurisys/services/inference/internal/outbox"
	"github.com/futurisys/futurisys/services/inference/internal/recorder"
	"github.com/futurisys/futurisys/services/platform/grpcclient"

	internalv1 "github.com/futurisys/futurisys/proto/gen/futurisys/internalapi/v1"
)

type outboxCommand struct {
	Erase  outboxEraseCommand  `cmd:"" help:"Erase a person from the files of OUTBOX_DIR, while no process has them: after POST /v1/employees/ID:erase."`
	Import outboxImportCommand `cmd:"" help:"Put the predictions of a file that was set aside on record. It can be repeated: what is there stays as it is."`
}

type outboxEraseCommand struct {
	Employee   int32 `arg:"" help:"Number of the employee."`
	Generation int32 `help:"Of persons who had the number one after the other the one of this generation; 0: all of them."`
}

// Run erases a person from the files of OUTBOX_DIR, whose process is stopped.
func (c outboxEraseCommand) Run(s *settings) error {
	erased, left, err := outbox.Rewrite(s.OutboxDir, recorder.Of(c.Employee, c.Generation))
	fmt.Printf("%d predictions erased\n", erased)
	if err != nil {
		return err //nolint:wrapcheck // it says what it was doing
	}
	if len(left) > 0 {
		return fmt.Errorf("%s: these may hold some, and are not changed: import them, which leaves out whom the record has erased, and remove them", strings.Join(left, ", "))
	}
	return nil
}

type outboxImportCommand struct {
	File string `arg:"" help:"A file outbox.db.damaged-..., outbox.db.removed-... or set-aside.jsonl of OUTBOX_DIR." type:"existingfile"`
}

// Run imports the file and says what came of it. A file of which the record has all is
// renamed, so that it does not count as set aside any more.
func (c outboxImportCommand) Run(s *settings) error {
	if !s.hasDatabase() {
		return errors.New("PERSISTENCE_TARGET: an import needs persistence")
	}
	who, err := s.Secure()
	if err != nil {
		return err //nolint:wrapcheck // it names the keys
	}
	defer who.Certificates.Close()
	connection, err := grpcclient.New("persistence", s.PersistenceTarget, grpcclient.Identity{Credential: who.Own, Certificates: who.Certificates}, nil)
	if err != nil {
		return fmt.Errorf("PERSISTENCE_TARGET: %w", err)
	}
	defer connection.Close()
	client := internalv1.NewRecordingServiceClient(connection)
	done, err := recorder.Import(context.Background(), client, c.File, func(id string, reason error) {
		fmt.Printf("refused: %s: %s\n", id, reason)
	})
	fmt.Printf("%d put on record, %d there already, %d refused\n", done.Added, done.There, done.Refused)
	if err != nil {
		return err //nolint:wrapcheck // it says what it was doing
	}
	if done.Refused > 0 {
		return fmt.Errorf("%d are refused: the file stays as it is", done.Refused)
	}
	return outbox.MarkImported(c.File) //nolint:wrapcheck // it says what it was doing
}
