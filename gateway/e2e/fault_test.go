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

// check compares what was answered with what is on record, and returns the latter by
// id.
func (c *clients) check() map[string]*futurisysv1.Prediction {
	c.t.Helper()
	c.s.eventually("the outbox is empty", func() bool { return c.s.outbox() == "0" })
	onRecord, requests := map[string]*futurisysv1.Prediction{}, map[string]string{}
	for token, more := "", true; more; more = token != "" {
		var page futurisysv1.ListPredictionsResponse
		c.s.call(http.MethodGet, "/v1/predictions?pageSize=1000&pageToken="+token, nil).into(c.t, &page)
		for _, p := range page.GetPredictions() {
			if other, ok := requests[p.GetRequestId()]; ok && p.GetRequestId() != "" {
				c.t.Errorf("request %s is on record twice: %s and %s", p.GetRequestId(), other, p.GetId())
			}
			onRecord[p.GetId()], requests[p.GetRequestId()] = p, p.GetId()
		}
		token = page.GetNextPageToken()
	}
	lost := 0
	for id, answer := range c.answers {
		if kept, ok := onRecord[id]; !ok {
			lost++
		} else if kept.GetProbability() != answer.probability {
			c.t.Errorf("%s was answered %g, on record is %g", id, answer.probability, kept.GetProbability())
		}
	}
	if lost > 0 {
		c.t.Errorf("%d of %d answered predictions are not on record", lost, len(c.answers))
	}
	var conflicts futurisysv1.ListPredictionConflictsResponse
	c.s.call(http.MethodGet, "/v1/predictionConflicts", nil).into(c.t, &conflicts)
	if conflicts.GetTotalSize() != 0 {
		c.t.Errorf("%d conflicts: %v", conflicts.GetTotalSize(), conflicts.GetConflicts()[0])
	}
	c.t.Logf("%d answered (%d queued), %d on record, %d calls failed and were tried again", len(c.answers), c.queued, len(onRecord), c.failures.Load())
	return onRecord
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

// fault is something that strikes while clients go on.
type fault struct {
	name   string
	strike func()
}

// strike strikes by turns, so many rounds, and then compares.
func (c *clients) strike(faults []fault) {
	c.t.Helper()
	rounds := faultRounds()
	for round := range rounds {
		pause()
		f := faults[round%len(faults)]
		c.t.Logf("round %d of %d: %s", round+1, rounds, f.name)
		f.strike()
		if c.t.Failed() {
			break
		}
	}
	pause()
	c.stop()
	c.check()
	if c.queued == 0 {
		c.t.Error("nothing was queued: the faults struck nobody")
	}
}

// faultsOfPrograms are those that do not touch the database.
func (c *clients) faultsOfPrograms() []fault {
	return []fault{
		{"kill inference", c.killInference},
		{"kill persistence", func() {
			c.s.persistence.kill()
			pause()
			c.s.persistence.start()
		}},
		{"persistence hangs", func() {
			c.s.persistence.signal(syscall.SIGSTOP)
			time.Sleep(time.Second)
			c.s.persistence.signal(syscall.SIGCONT)
		}},
	}
}

// killInference kills and starts inference; meanwhile calls may fail.
func (c *clients) killInference() {
	c.expected.Store(true)
	c.s.inference.kill()
	c.s.inference.start()
	c.s.eventually("the gateway reaches inference", func() bool { return code(c.s.web+"/v1/models") == http.StatusOK })
	c.expected.Store(false)
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
	for id, kept := range c.check() {
		at := kept.GetCreateTime().AsTime()
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
