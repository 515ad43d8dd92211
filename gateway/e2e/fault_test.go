package e2e

import (
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protojson"

	"github.com/futurisys/futurisys/services/platform/pgtest"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// The tests of faults run in a short form with the others; `make test-faults` makes
// them long.
func faultRounds() int {
	if rounds, err := strconv.Atoi(os.Getenv("FAULT_ROUNDS")); err == nil {
		return rounds
	}
	return 6
}

func outageTime() time.Duration {
	if outage, err := time.ParseDuration(os.Getenv("FAULT_OUTAGE")); err == nil {
		return outage
	}
	return 3 * time.Second
}

// ownPostgres is a server that the test may kill.
func ownPostgres(t *testing.T) *pgtest.Server {
	t.Helper()
	server, err := pgtest.StartOwn()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	return server
}

// outbox is what the status says of it, up to the first comma.
func (s *stack) outbox() string {
	answer := s.call(http.MethodGet, "/v1/status", nil)
	var status futurisysv1.Status
	if answer.code != http.StatusOK || protojson.Unmarshal(answer.body, &status) != nil {
		return ""
	}
	for _, service := range status.GetServices() {
		if service.GetService() == "inference" {
			return service.GetDetails()["outbox"]
		}
	}
	return ""
}

// faultSettings let a fault be noticed soon, and the log be read.
func faultSettings() []string { return []string{"RECORDING_TIMEOUT=500ms", "LOG_LEVEL=error"} }

// Whatever dies, and whenever: what a client was answered is on record, once, with
// the same value. While only the database or persistence is down, nobody notices.
func TestFaultsLoseNothingAndDoubleNothing(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) {
		c := startClients(t, start(t, options{database: sqliteURL(t), environment: faultSettings()}), 16)
		c.strike(c.faultsOfPrograms())
	})
	t.Run("postgres", func(t *testing.T) {
		server := ownPostgres(t)
		c := startClients(t, start(t, options{database: server.URL, environment: faultSettings()}), 16)
		restart := func() {
			if err := server.Restart(); err != nil {
				t.Error(err)
			}
		}
		c.strike(append(c.faultsOfPrograms(),
			fault{"kill PostgreSQL", func() {
				server.Kill()
				pause()
				restart()
			}},
			fault{"kill inference while the database is down", func() {
				server.Kill()
				pause()
				c.killInference()
				restart()
			}},
			fault{"PostgreSQL restarts in good order", func() {
				server.Halt()
				restart()
			}},
		))
	})
}

// pause lets some calls pass, never the same.
func pause() { time.Sleep(time.Duration(100+rand.IntN(400)) * time.Millisecond) }

// A longer outage of the database: predictions go on, what must read employees says
// when to try again, and afterwards all is on record with the times it was scored.
func TestFaultOutageOfTheDatabase(t *testing.T) {
	server := ownPostgres(t)
	s := start(t, options{database: server.URL, environment: faultSettings()})
	s.upload("", heldOut(), nil).into(t, &futurisysv1.ImportReport{})
	c := startClients(t, s, 8)
	pause()
	server.Halt()
	before := time.Now()
	s.eventually("the outbox is used", func() bool { return s.outbox() != "0" })
	refused := s.call(http.MethodPost, "/v1/models/attrition:predictEmployees", `{"employeeIds": [4]}`).refused(t, http.StatusServiceUnavailable, "UNAVAILABLE")
	if refused.retry == "" {
		t.Error("no Retry-After")
	}
	s.call(http.MethodGet, "/v1/employees", nil).refused(t, http.StatusServiceUnavailable, "UNAVAILABLE")
	time.Sleep(outageTime())
	if err := server.Restart(); err != nil {
		t.Fatal(err)
	}
	back := time.Now()
	s.eventually("employees are read again", func() bool { return code(s.web+"/v1/employees") == http.StatusOK })
	pause()
	c.stop()
	during := 0
	for id, recorded := range c.check() {
		at := recorded.GetCreateTime().AsTime()
		if answer, ok := c.answers[id]; ok && !answer.createTime.Equal(at) {
			t.Errorf("%s was scored at %s, on record is %s", id, answer.createTime, at)
		}
		if at.After(before) && at.Before(back) {
			during++
		}
	}
	if during == 0 {
		t.Error("no prediction of the outage is on record")
	}
	t.Logf("%d predictions of the outage are on record", during)
}

// A switch-over: the primary ends in good order, its standby takes over, and both
// stand in DATABASE_URL. Nobody notices, and nothing is lost or doubled.
func TestFaultSwitchOver(t *testing.T) {
	primary := ownPostgres(t)
	standby, err := primary.Standby()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := standby.Stop(); err != nil {
			t.Error(err)
		}
	})
	first, second := strings.TrimPrefix(primary.URL, "postgres://postgres@"), strings.TrimPrefix(standby.URL, "postgres://postgres@")
	host, _, _ := strings.Cut(first, "/")
	s := start(t, options{database: "postgres://postgres@" + host + "," + second, environment: faultSettings()})
	c := startClients(t, s, 8)
	pause()
	primary.Halt()
	pause()
	if err := standby.Promote(); err != nil {
		t.Fatal(err)
	}
	s.eventually("predictions are recorded again", func() bool {
		return s.predict(t, c.profile, "").GetRecording() == futurisysv1.Recording_RECORDING_RECORDED
	})
	pause()
	c.stop()
	c.check()
}
