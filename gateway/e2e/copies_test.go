package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/futurisys/futurisys/services/platform/apierr"
	"github.com/futurisys/futurisys/services/platform/pgtest"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// copyOfInference is one of several copies, with folders of its own.
type copyOfInference struct {
	*program

	models      futurisysv1.ModelServiceClient
	predictions futurisysv1.PredictionServiceClient
}

func (s *stack) launchCopy(t *testing.T) *copyOfInference {
	t.Helper()
	ports := freePorts(t, 2)
	p := s.launch("inference", "http://"+ports[1], "INFERENCE_GRPC_ADDR="+ports[0], "INFERENCE_ADMIN_ADDR="+ports[1],
		"MODEL_STATE_DIR="+t.TempDir(), "OUTBOX_DIR="+t.TempDir())
	connection, err := grpc.NewClient(ports[0], grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = connection.Close() })
	return &copyOfInference{p, futurisysv1.NewModelServiceClient(connection), futurisysv1.NewPredictionServiceClient(connection)}
}

// Which version answers does not depend on the copy: once a change is answered no copy
// answers by the version before, a fresh copy follows without deciding anything, and while
// persistence is away all go on as they were.
func TestCopiesAnswerByTheSameVersion(t *testing.T) {
	databases(t, func(t *testing.T, s *stack) {
		copies := []*copyOfInference{s.launchCopy(t), s.launchCopy(t), s.launchCopy(t)}
		profile := &futurisysv1.EmployeeProfile{}
		if err := protojson.Unmarshal([]byte(exampleJSON(t, s)), profile); err != nil {
			t.Fatal(err)
		}
		set := func(by *copyOfInference, version int32) *futurisysv1.Model {
			t.Helper()
			model, err := by.models.SetModelAlias(t.Context(), &futurisysv1.SetModelAliasRequest{Model: "attrition", Alias: "champion", Version: version})
			if err != nil {
				t.Fatal(err)
			}
			return model
		}
		// required is the least version that may answer a call that begins now.
		var required atomic.Int32
		required.Store(1)
		stop := make(chan struct{})
		var callers sync.WaitGroup
		for _, c := range copies {
			callers.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
					}
					least := required.Load()
					answer, err := c.predictions.Predict(t.Context(), &futurisysv1.PredictRequest{Model: "attrition", Profile: profile})
					if err != nil {
						t.Errorf("a copy failed: %v", err)
						return
					}
					if least == 2 && answer.GetModelVersion() != 2 {
						t.Errorf("version %d answered after the change to 2 had been answered", answer.GetModelVersion())
						return
					}
				}
			})
		}
		if lagging := set(copies[1], 2).GetLaggingCopies(); len(lagging) != 0 {
			t.Errorf("lagging: %v", lagging)
		}
		required.Store(2)
		time.Sleep(300 * time.Millisecond)
		close(stop)
		callers.Wait()

		fresh := s.launchCopy(t)
		if got := fresh.version(t, profile); got != 2 {
			t.Errorf("a fresh copy answers by version %d", got)
		}
		var found futurisysv1.Model
		s.call(http.MethodGet, "/v1/models/attrition", nil).into(t, &found)
		if len(found.GetAliasChanges()) != 3 { // champion and challenger at first, and the change
			t.Errorf("the journal has %v", found.GetAliasChanges())
		}

		s.persistence.kill()
		_, err := copies[0].models.SetModelAlias(t.Context(), &futurisysv1.SetModelAliasRequest{Model: "attrition", Alias: "champion", Version: 1})
		if apierr.ReasonOf(err) != futurisysv1.ErrorReason_ERROR_REASON_UNAVAILABLE || !strings.Contains(err.Error(), "journal of aliases") {
			t.Errorf("a change while persistence is away: %v", err)
		}
		copies[2].kill()
		copies[2].start() // by what it remembers
		for i, c := range copies {
			if got := c.version(t, profile); got != 2 {
				t.Errorf("copy %d answers by version %d while persistence is away", i, got)
			}
		}
		s.persistence.start()
		s.eventually("a change is taken again", func() bool {
			_, err := copies[0].models.SetModelAlias(t.Context(), &futurisysv1.SetModelAliasRequest{Model: "attrition", Alias: "champion", Version: 1})
			return err == nil
		})
		s.eventually("all follow", func() bool {
			for _, c := range append(copies, fresh) {
				if c.version(t, profile) != 1 {
					return false
				}
			}
			return true
		})
	})
}

func (c *copyOfInference) version(t *testing.T, profile *futurisysv1.EmployeeProfile) int32 {
	t.Helper()
	answer, err := c.predictions.Predict(t.Context(), &futurisysv1.PredictRequest{Model: "attrition", Profile: profile})
	if err != nil {
		t.Errorf("predict: %v", err)
	}
	return answer.GetModelVersion()
}

// The first call after the first 200 of /readyz succeeds, however often it is started; and
// while its database is away persistence says so by itself.
func TestReadyMeansReady(t *testing.T) {
	for i := range 10 {
		ports := freePorts(t, 6)
		environment := []string{
			"GATEWAY_HTTP_ADDR=" + ports[0], "GATEWAY_ADMIN_ADDR=" + ports[1],
			"INFERENCE_GRPC_ADDR=" + ports[2], "INFERENCE_ADMIN_ADDR=" + ports[3], "INFERENCE_TARGET=" + ports[2],
			"PERSISTENCE_TARGET=", "MODEL_REPOSITORY=" + absolute(t, "deploy/models"), "ONNXRUNTIME_LIB=" + library, "MODEL_STATE_DIR=", "OUTBOX_DIR=",
			"HOME=" + t.TempDir(),
		}
		s := &stack{t: t, web: "http://" + ports[0], environment: environment}
		// The gateway first: it must not take a service that answers for one that is ready.
		s.gateway = &program{s: s, name: "gateway", health: s.web}
		s.gateway.begin()
		s.inference = &program{s: s, name: "inference", health: "http://" + ports[3]}
		s.inference.begin()
		s.eventually(fmt.Sprintf("start %d is ready", i), func() bool { return code(s.web+"/readyz") == http.StatusOK })
		s.call(http.MethodPost, "/v1/models/attrition:predict", `{"profile": {"age": 3}}`).refused(t, http.StatusBadRequest, "INVALID_PROFILE")
		s.gateway.stop()
		s.inference.stop()
	}
}

func TestPersistenceWithoutItsDatabaseIsNotReady(t *testing.T) {
	own, err := pgtest.StartOwn()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := own.Stop(); err != nil {
			t.Error(err)
		}
	})
	s := start(t, options{database: own.URL})
	own.Halt()
	s.eventually("persistence says that it is not ready", func() bool { return code(s.persistence.health+"/readyz") == http.StatusServiceUnavailable })
	alive := s.web + "/ui/alive?service=persistence&reload=true"
	s.eventually("the screens do not take it for back", func() bool { return code(alive) == http.StatusNoContent })
	if err := own.Restart(); err != nil {
		t.Fatal(err)
	}
	s.eventually("it is back", func() bool { return code(alive) == http.StatusOK })
}
