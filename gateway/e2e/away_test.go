package e2e

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// Whatever keeps the database from taking rows, the operator learns what it is: a line of
// the log, a counter and the readiness say so. Callers get their answers, and afterwards
// all is on record.
func TestOperatorsLearnWhyTheDatabaseIsAway(t *testing.T) {
	server := ownPostgres(t)
	s := start(t, options{database: server.URL, environment: []string{"DATABASE_LOCK_TIMEOUT=200ms"}})
	profile := `{"profile": ` + exampleJSON(t, s) + `}`
	// execute returns what closes its connection.
	execute := func(statements ...string) func() {
		connection, err := pgx.Connect(context.Background(), server.URL)
		if err != nil {
			t.Fatal(err)
		}
		for _, statement := range statements {
			if _, err := connection.Exec(context.Background(), statement); err != nil {
				t.Fatal(err)
			}
		}
		return func() { _ = connection.Close(context.Background()) }
	}
	persistence := "http://" + s.setting("PERSISTENCE_ADMIN_ADDR")
	var unlock func()
	for _, away := range []struct {
		class    string
		begin    func()
		end      func()
		notReady bool
	}{
		{
			"read_only", func() { execute("ALTER SYSTEM SET default_transaction_read_only = on", "SELECT pg_reload_conf()")() },
			func() {
				execute("SET default_transaction_read_only = off", "ALTER SYSTEM RESET default_transaction_read_only", "SELECT pg_reload_conf()")()
			}, true,
		},
		{"lock", func() { unlock = execute("BEGIN; LOCK TABLE predictions IN ACCESS EXCLUSIVE MODE") }, func() { unlock() }, false},
		{"connection", server.Halt, func() {
			if err := server.Restart(); err != nil {
				t.Fatal(err)
			}
		}, true},
	} {
		away.begin()
		if away.notReady {
			s.eventually(away.class+": persistence is not ready", func() bool { return code(persistence+"/readyz") == http.StatusServiceUnavailable })
		}
		var queued futurisysv1.Prediction
		s.eventually(away.class+": a prediction is queued", func() bool {
			queued.Reset()
			s.call(http.MethodPost, "/v1/models/attrition:predict", profile).into(t, &queued)
			return queued.GetRecording() == futurisysv1.Recording_RECORDING_QUEUED
		})
		s.eventually(away.class+": it is counted", func() bool {
			return value(t, s.metrics("persistence"), "futurisys_database_errors_total", map[string]string{"class": away.class}) > 0
		})
		if !strings.Contains(s.persistence.log.String(), "("+away.class+")") {
			t.Errorf("%s: persistence's log does not say it", away.class)
		}
		s.eventually(away.class+": inference says that predictions wait", func() bool {
			return strings.Contains(s.inference.log.String(), "predictions wait in the outbox")
		})
		away.end()
		s.eventually(away.class+": it is on record", func() bool {
			return s.call(http.MethodGet, "/v1/predictions/"+queued.GetId(), nil).code == http.StatusOK
		})
		s.eventually(away.class+": persistence is ready", func() bool { return code(persistence+"/readyz") == http.StatusOK })
		s.eventually(away.class+": predictions are recorded at once", func() bool {
			var prediction futurisysv1.Prediction
			s.call(http.MethodPost, "/v1/models/attrition:predict", profile).into(t, &prediction)
			return prediction.GetRecording() == futurisysv1.Recording_RECORDING_RECORDED
		})
	}
}
