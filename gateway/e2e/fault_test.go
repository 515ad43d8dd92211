package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
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

// given is an answer that a client got.
type given struct {
	probability float64
	createTime  time.Time
	recording   futurisysv1.Recording
}

// clients predict for ever, each with request_ids of its own, and remember what
// they were answered. A call that fails is tried again with the same request_id.
type clients struct {
	t       *testing.T
	s       *stack
	profile string
	cancel  context.CancelFunc
	group   sync.WaitGroup
	// expected says that calls may fail now: inference itself is down.
	expected atomic.Bool
	failures atomic.Int64

	mu      sync.Mutex
	answers map[string]given
	queued  int
}

func startClients(t *testing.T, s *stack, count int) *clients {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	c := &clients{t: t, s: s, profile: exampleJSON(t, s), cancel: cancel, answers: map[string]given{}}
	t.Cleanup(c.stop)
	web := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: count}, Timeout: time.Minute}
	for number := range count {
		c.group.Go(func() {
			for call := 0; ctx.Err() == nil; call++ {
				c.ask(ctx, web, fmt.Sprintf("client-%d-%d", number, call))
				if call%10 == 0 { // a retry of what was answered is the same answer
					c.ask(ctx, web, fmt.Sprintf("client-%d-%d", number, call))
				}
			}
		})
	}
	return c
}

func (c *clients) stop() {
	c.cancel()
	c.group.Wait()
}

// ask asks until it is answered.
func (c *clients) ask(ctx context.Context, web *http.Client, requestID string) {
	body := []byte(fmt.Sprintf(`{"requestId": %q, "profile": %s}`, requestID, c.profile))
	for {
		excused := c.expected.Load()
		got, err := post(web, c.s.web+"/v1/models/attrition:predict", body)
		if err == nil {
			c.remember(got)
			return
		}
		c.failures.Add(1)
		if !excused && !c.expected.Load() && c.s.t.Context().Err() == nil {
			c.t.Errorf("a prediction by profile failed while inference was up: %v", err)
			return
		}
		if ctx.Err() != nil {
			return // it was not answered, and nobody waits any more
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func (c *clients) remember(p *futurisysv1.Prediction) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := given{p.GetProbability(), p.GetCreateTime().AsTime(), p.GetRecording()}
	if now.recording != futurisysv1.Recording_RECORDING_RECORDED && now.recording != futurisysv1.Recording_RECORDING_QUEUED {
		c.t.Errorf("an answer that is nowhere on record: %v", p)
	}
	if now.recording == futurisysv1.Recording_RECORDING_QUEUED {
		c.queued++
	}
	if before, ok := c.answers[p.GetId()]; ok && before.probability != now.probability {
		c.t.Errorf("%s was answered %g and then %g", p.GetRequestId(), before.probability, now.probability)
	}
	if _, ok := c.answers[p.GetId()]; !ok {
		c.answers[p.GetId()] = now
	}
}

// check compares what was answered with what is on record.
func (c *clients) check(database string) {
	c.t.Helper()
	c.s.eventually("the outbox is empty", func() bool { return c.s.outbox() == "0 rows" })
	ctx := c.t.Context()
	connection, err := pgx.Connect(ctx, database)
	if err != nil {
		c.t.Fatal(err)
	}
	defer connection.Close(ctx)
	rows, err := connection.Query(ctx, "SELECT id::text, probability, coalesce(request_id, id::text) FROM predictions")
	if err != nil {
		c.t.Fatal(err)
	}
	onRecord, requests := map[string]float64{}, map[string]string{}
	var id, request string
	var probability float64
	_, err = pgx.ForEachRow(rows, []any{&id, &probability, &request}, func() error {
		onRecord[id] = probability
		if other, ok := requests[request]; ok {
			c.t.Errorf("request %s is on record twice: %s and %s", request, other, id)
		}
		requests[request] = id
		return nil
	})
	if err != nil {
		c.t.Fatal(err)
	}
	lost := 0
	for id, answer := range c.answers {
		if kept, ok := onRecord[id]; !ok {
			lost++
		} else if kept != answer.probability {
			c.t.Errorf("%s was answered %g, on record is %g", id, answer.probability, kept)
		}
	}
	if lost > 0 {
		c.t.Errorf("%d of %d answered predictions are not on record", lost, len(c.answers))
	}
	var conflicts int
	if err := connection.QueryRow(ctx, "SELECT count(*) FROM prediction_conflicts").Scan(&conflicts); err != nil || conflicts != 0 {
		c.t.Errorf("%d conflicts, %v", conflicts, err)
	}
	c.t.Logf("%d answered (%d queued), %d on record, %d calls failed and were tried again", len(c.answers), c.queued, len(onRecord), c.failures.Load())
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
			rows, _, _ := strings.Cut(service.GetDetails()["outbox"], ",")
			return rows
		}
	}
	return ""
}

// Whatever dies, and whenever: what a client was answered is on record, once, with
// the same value. While only the database or persistence is down, nobody notices.
func TestFaultsLoseNothingAndDoubleNothing(t *testing.T) {
	server := ownPostgres(t)
	s := start(t, options{database: server.URL, environment: []string{"RECORDING_TIMEOUT=500ms", "LOG_LEVEL=error"}})
	c := startClients(t, s, 16)
	faults := []struct {
		name   string
		strike func()
	}{
		{"kill inference", func() {
			c.expected.Store(true)
			s.inference.kill()
			s.inference.start()
			s.eventually("the gateway reaches inference", func() bool { return code(s.web+"/v1/models") == http.StatusOK })
			c.expected.Store(false)
		}},
		{"kill persistence", func() {
			s.persistence.kill()
			pause()
			s.persistence.start()
		}},
		{"kill PostgreSQL", func() {
			server.Kill()
			pause()
			if err := server.Restart(); err != nil {
				t.Error(err)
			}
		}},
		{"persistence hangs", func() {
			s.persistence.signal(syscall.SIGSTOP)
			time.Sleep(time.Second)
			s.persistence.signal(syscall.SIGCONT)
		}},
		{"kill inference while the database is down", func() {
			server.Kill()
			pause()
			c.expected.Store(true)
			s.inference.kill()
			s.inference.start()
			s.eventually("the gateway reaches inference", func() bool { return code(s.web+"/v1/models") == http.StatusOK })
			c.expected.Store(false)
			if err := server.Restart(); err != nil {
				t.Error(err)
			}
		}},
		{"PostgreSQL restarts in good order", func() {
			server.Halt()
			if err := server.Restart(); err != nil {
				t.Error(err)
			}
		}},
	}
	rounds := faultRounds()
	for round := range rounds {
		pause()
		fault := faults[round%len(faults)]
		t.Logf("round %d of %d: %s", round+1, rounds, fault.name)
		fault.strike()
		if t.Failed() {
			break
		}
	}
	pause()
	c.stop()
	c.check(server.URL)
	if c.queued == 0 {
		t.Error("nothing was queued: the faults struck nobody")
	}
}

// pause lets some calls pass, never the same.
func pause() { time.Sleep(time.Duration(100+rand.IntN(400)) * time.Millisecond) }

// A longer outage of the database: predictions go on, what must read employees says
// when to try again, and afterwards all is on record with the times it was scored.
func TestFaultOutageOfTheDatabase(t *testing.T) {
	server := ownPostgres(t)
	s := start(t, options{database: server.URL, environment: []string{"RECORDING_TIMEOUT=500ms", "LOG_LEVEL=error"}})
	s.upload("", heldOut(), nil).into(t, &futurisysv1.ImportReport{})
	c := startClients(t, s, 8)
	pause()
	server.Halt()
	before := time.Now()
	s.eventually("the outbox is used", func() bool { return s.outbox() != "0 rows" })
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
	c.check(server.URL)
	connection, err := pgx.Connect(t.Context(), server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close(t.Context())
	rows, err := connection.Query(t.Context(), "SELECT id::text, create_time FROM predictions")
	if err != nil {
		t.Fatal(err)
	}
	during := 0
	var id string
	var at time.Time
	_, err = pgx.ForEachRow(rows, []any{&id, &at}, func() error {
		if answer, ok := c.answers[id]; ok && !answer.createTime.Equal(at) {
			return fmt.Errorf("%s was scored at %s, on record is %s", id, answer.createTime, at)
		}
		if at.After(before) && at.Before(back) {
			during++
		}
		return nil
	})
	if err != nil {
		t.Error(err)
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
	s := start(t, options{database: "postgres://postgres@" + host + "," + second, environment: []string{"RECORDING_TIMEOUT=500ms", "LOG_LEVEL=error"}})
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
	c.check(standby.URL)
}
