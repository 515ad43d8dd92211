package main

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/futurisys/futurisys/services/persistence/internal/store"
	"github.com/futurisys/futurisys/services/platform/config"
)

// parse reads settings from flags alone.
func parse(t *testing.T, args ...string) error {
	t.Helper()
	t.Chdir(t.TempDir()) // no .env
	for _, key := range config.Keys() {
		t.Setenv(key, "") // what the machine has set is put back afterwards
		if err := os.Unsetenv(key); err != nil {
			t.Fatal(err)
		}
	}
	_, err := config.Parse("persistence", "", &settings{}, args)
	return err //nolint:wrapcheck // what is tried
}

func TestSettingsThatCannotBe(t *testing.T) {
	for want, args := range map[string][]string{
		"DATABASE_URL: prod needs PostgreSQL": {"--environment=prod"},
		"PERSISTENCE_GRPC_ADDR":               {"--persistence-grpc-addr=:9002"},
		"PERSISTENCE_ADMIN_ADDR":              {"--persistence-admin-addr=9092"},
		"ENVIRONMENT":                         {"--environment=staging"},
	} {
		if err := parse(t, args...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: got %v, want an error that names %s", args, err, want)
		}
	}
	for _, args := range [][]string{{}, {"--environment=prod", "--database-url=postgres://u@h/n"}, {"--persistence-grpc-addr=[::1]:0"}} {
		if err := parse(t, args...); err != nil {
			t.Errorf("%v: %v", args, err)
		}
	}
}

const extracts = "../../../../scripts/training/data/"

// importer is the import command on the committed extracts and a database of the test's own.
func importer(t *testing.T) (importCommand, *settings) {
	t.Helper()
	command := importCommand{}
	for name, to := range map[string]*string{"extrait_sirh.csv": &command.Sirh, "extrait_eval.csv": &command.Eval, "extrait_sondage.csv": &command.Sondage} {
		path, err := filepath.Abs(extracts + name)
		if err != nil {
			t.Fatal(err)
		}
		*to = path
	}
	return command, &settings{DatabaseURL: "sqlite:" + filepath.Join(t.TempDir(), "x.db")}
}

func onRecord(t *testing.T, s *settings) int {
	t.Helper()
	rows, err := s.open(t.Context(), s.options("test"), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	found, err := rows.ListEmployees(t.Context(), store.EmployeeQuery{Limit: 1})
	if err != nil {
		t.Fatal(err)
	}
	return found.Total
}

// Taking the schema back loses nothing that was not said.
func TestMigrateDownAsks(t *testing.T) {
	_, s := importer(t)
	if err := (migrateCommand{}).Run(s); err != nil {
		t.Fatal(err)
	}
	down := func(yes bool) error { return migrateCommand{Down: true, Yes: yes}.Run(s) }
	if err := down(true); err != nil { // the audit events
		t.Fatal(err)
	}
	for _, to := range []int64{7, 6, 5} {
		if err := down(false); err != nil {
			t.Fatalf("to %d: %v", to, err)
		}
	}
	if err := down(false); err == nil || !strings.Contains(err.Error(), "the latest scores") {
		t.Errorf("got %v", err)
	}
	if err := down(true); err != nil {
		t.Error(err)
	}
	missing := *s
	missing.DatabaseURL += ".missing"
	if err := (migrateCommand{Down: true}).Run(&missing); err == nil {
		t.Error("a file is made to be taken back")
	}
}

func TestImportCommand(t *testing.T) {
	command, s := importer(t)
	command.ValidateOnly = true
	if err := command.Run(s); err != nil {
		t.Fatal(err)
	}
	if got := onRecord(t, s); got != 0 {
		t.Errorf("a check put %d on record", got)
	}
	command.ValidateOnly = false
	if err := command.Run(s); err != nil {
		t.Fatal(err)
	}
	if got := onRecord(t, s); got != 1470 {
		t.Errorf("%d are on record", got)
	}
	bad := filepath.Join(t.TempDir(), "bad.csv")
	if err := os.WriteFile(bad, []byte("id_employee\nx\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := (importCommand{Joined: bad, OnlyIfEmpty: true}).Run(s); err != nil {
		t.Errorf("somebody is on record, and the file is read: %v", err)
	}
	if err := (importCommand{Joined: bad}).Run(s); err == nil || !strings.Contains(err.Error(), "problems in the files") {
		t.Errorf("got %v", err)
	}
	if err := (importCommand{Joined: filepath.Join(t.TempDir(), "nothing.csv")}).Run(s); err == nil {
		t.Error("a file that is not there is imported")
	}
	if got := onRecord(t, s); got != 1470 {
		t.Errorf("after a bad file %d are on record", got)
	}
}

func TestMigrateCommand(t *testing.T) {
	s := &settings{DatabaseURL: "sqlite:" + filepath.Join(t.TempDir(), "x.db")}
	s.Environment = config.Prod
	if _, err := s.open(t.Context(), s.options("test"), slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "persistence migrate") {
		t.Errorf("in prod a program migrates by itself: %v", err)
	}
	for _, command := range []migrateCommand{{}, {}, {Down: true, Yes: true}} {
		if err := command.Run(s); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.open(t.Context(), s.options("test"), slog.New(slog.DiscardHandler)); err == nil {
		t.Error("a database of the version before is served")
	}
	if err := (migrateCommand{}).Run(s); err != nil {
		t.Fatal(err)
	}
	rows, err := s.open(t.Context(), s.options("test"), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	_ = rows.Close()
}

func TestBackupRestoreAndCopyCommands(t *testing.T) {
	command, s := importer(t)
	if err := command.Run(s); err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	backup := filepath.Join(folder, "backup.db")
	if err := (backupCommand{File: backup}).Run(s); err != nil {
		t.Fatal(err)
	}
	restored := &settings{DatabaseURL: "sqlite:" + filepath.Join(folder, "restored.db")}
	if err := (restoreCommand{File: backup}).Run(restored); err != nil {
		t.Fatal(err)
	}
	copied := &settings{DatabaseURL: "sqlite:" + filepath.Join(folder, "copied.db")}
	if err := (copyCommand{To: copied.DatabaseURL}).Run(restored); err != nil {
		t.Fatal(err)
	}
	for name, at := range map[string]*settings{"restored": restored, "copied": copied} {
		if got := onRecord(t, at); got != 1470 {
			t.Errorf("%s: %d are on record", name, got)
		}
	}
	if err := (copyCommand{To: "mysql://x"}).Run(restored); err == nil || !strings.Contains(err.Error(), "--to") {
		t.Errorf("got %v", err)
	}
	if err := (restoreCommand{File: backup}).Run(&settings{DatabaseURL: "postgres://x/y"}); err == nil || !strings.Contains(err.Error(), "docs/operating.md") {
		t.Errorf("got %v", err)
	}
}
