package e2e

import (
	"bytes"
	"errors"
	"net/http"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// persistenceCommand runs a command of persistence with the stack's settings.
func (s *stack) persistenceCommand(arguments ...string) (string, error) {
	command := exec.Command(filepath.Join(binaries, "persistence"), arguments...)
	command.Env, command.Dir = s.environment, s.t.TempDir()
	out, err := command.CombinedOutput()
	return string(out), err
}

// An older backup is put back while inference holds answers in its outbox: they are handed
// over again, and none is doubled.
func TestAnOutboxBesideAnOlderBackup(t *testing.T) {
	folder := t.TempDir()
	s := start(t, options{database: "sqlite:" + filepath.Join(folder, "x.db")})
	profile := `{"profile": ` + exampleJSON(t, s) + `}`
	predict := func() *futurisysv1.Prediction {
		var prediction futurisysv1.Prediction
		s.call(http.MethodPost, "/v1/models/attrition:predict", profile).into(t, &prediction)
		return &prediction
	}
	answered := []*futurisysv1.Prediction{predict(), predict()}
	backup := filepath.Join(folder, "backup.db")
	if out, err := s.persistenceCommand("backup", backup); err != nil || !strings.Contains(out, "2 predictions") {
		t.Fatalf("%v: %s", err, out)
	}
	if out, err := s.persistenceCommand("restore", backup); err == nil || !strings.Contains(out, "another process serves") {
		t.Errorf("a database is replaced while it is served: %v: %s", err, out)
	}
	s.persistence.stop()
	for range 3 {
		answered = append(answered, predict())
	}
	if got := answered[len(answered)-1].GetRecording(); got != futurisysv1.Recording_RECORDING_QUEUED {
		t.Fatalf("got %s", got)
	}
	if out, err := s.persistenceCommand("restore", backup); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	s.persistence.start()
	s.eventually("the outbox is empty", func() bool { return s.outbox() == "0" })
	var page futurisysv1.ListPredictionsResponse
	s.call(http.MethodGet, "/v1/predictions", nil).into(t, &page)
	if len(page.GetPredictions()) != len(answered) {
		t.Errorf("%d were answered, %d are on record", len(answered), len(page.GetPredictions()))
	}
	for _, prediction := range answered {
		s.call(http.MethodGet, "/v1/predictions/"+prediction.GetId(), nil).into(t, &futurisysv1.Prediction{})
	}
}

// Persistence is started with a database that is not up yet, as in a cluster that starts.
func TestADatabaseThatStartsLaterIsAwaited(t *testing.T) {
	server := ownPostgres(t)
	server.Halt()
	restarted := make(chan error, 1)
	time.AfterFunc(2*time.Second, func() { restarted <- server.Restart() })
	s := start(t, options{database: server.URL})
	if err := <-restarted; err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(s.persistence.log.String(), "the database does not answer yet") {
		t.Errorf("the log does not say what is waited for: %s", s.persistence.log)
	}
}

func TestAClosedTerminalAndASecondProcessEndNothing(t *testing.T) {
	s := start(t, options{database: sqliteURL(t)})
	for _, p := range []*program{s.gateway, s.inference, s.persistence} {
		p.signal(syscall.SIGHUP)
	}
	time.Sleep(100 * time.Millisecond)
	if got := code(s.web + "/readyz"); got != http.StatusOK {
		t.Errorf("after SIGHUP: got %d", got)
	}
	ports := freePorts(t, 2)
	second := exec.Command(filepath.Join(binaries, "persistence"))
	second.Env = slices.Concat(s.environment, []string{"PERSISTENCE_GRPC_ADDR=" + ports[0], "PERSISTENCE_ADMIN_ADDR=" + ports[1]})
	var out bytes.Buffer
	second.Stderr = &out
	if err := second.Run(); err == nil || !strings.Contains(out.String(), "another process serves") {
		t.Errorf("a second persistence on the same file: %v: %s", err, out.String())
	}
}

// What is let in is served, the rest is refused at once and says when to come again, and
// none is lost.
func TestOverloadIsRefused(t *testing.T) {
	s := start(t, options{database: sqliteURL(t), environment: []string{"MAX_IN_FLIGHT=2"}})
	profile := []byte(`{"profile": ` + exampleJSON(t, s) + `}`)
	web := &http.Client{Timeout: time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: 50}}
	var (
		callers         sync.WaitGroup
		mu              sync.Mutex
		served, refused int
	)
	for range 50 {
		callers.Go(func() {
			for range 10 {
				answer, err := web.Post(s.web+"/v1/models/attrition:predict", "application/json", bytes.NewReader(profile))
				if err != nil {
					t.Error(err)
					return
				}
				var body bytes.Buffer
				_, err = body.ReadFrom(answer.Body)
				if err := errors.Join(err, answer.Body.Close()); err != nil {
					t.Error(err)
				}
				mu.Lock()
				switch {
				case answer.StatusCode == http.StatusOK:
					served++
				case answer.StatusCode == http.StatusServiceUnavailable && answer.Header.Get("Retry-After") != "" && strings.Contains(body.String(), "OVERLOADED"):
					refused++
				default:
					t.Errorf("got %d %s", answer.StatusCode, body.String())
				}
				mu.Unlock()
			}
		})
	}
	callers.Wait()
	if served == 0 || refused == 0 || served+refused != 500 {
		t.Errorf("%d served, %d refused", served, refused)
	}
	s.call(http.MethodPost, "/v1/models/attrition:predict", string(profile)).into(t, &futurisysv1.Prediction{})
	var page futurisysv1.ListPredictionsResponse
	s.call(http.MethodGet, "/v1/predictions", nil).into(t, &page)
	if got := int(page.GetTotalSize()); got != served+1 {
		t.Errorf("%d were answered, %d are on record", served+1, got)
	}
	t.Logf("%d served, %d refused", served, refused)
}
