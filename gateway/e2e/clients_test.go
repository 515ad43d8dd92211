package e2e

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

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
		if recorded, ok := onRecord[id]; !ok {
			lost++
		} else if recorded.GetProbability() != answer.probability {
			c.t.Errorf("%s was answered %g, on record is %g", id, answer.probability, recorded.GetProbability())
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
