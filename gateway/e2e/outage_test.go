package e2e

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// Without persistence a profile is still scored, the answer says that it is on its
// way to the record, and it arrives there; what needs the record is refused with a time to try again. It
// recovers without a restart of the others.
func TestPersistenceGoesAwayAndComesBack(t *testing.T) {
	databases(t, func(t *testing.T, s *stack) {
		s.upload("", heldOut(), nil).into(t, &futurisysv1.ImportReport{})
		profile := `{"profile": ` + exampleJSON(t, s) + `}`
		predict := func() *futurisysv1.Prediction {
			t.Helper()
			var prediction futurisysv1.Prediction
			s.call(http.MethodPost, "/v1/models/attrition:predict", profile).into(t, &prediction)
			return &prediction
		}
		if got := predict().GetRecording(); got != futurisysv1.Recording_RECORDING_RECORDED {
			t.Fatalf("got %s", got)
		}
		s.persistence.stop()
		queued := predict()
		if got := queued.GetRecording(); got != futurisysv1.Recording_RECORDING_QUEUED {
			t.Errorf("got %s", got)
		}
		for _, request := range [][3]string{
			{http.MethodPost, "/v1/models/attrition:predictEmployees", `{"employeeIds": [4]}`},
			{http.MethodGet, "/v1/employees", ""},
			{http.MethodGet, "/v1/predictions", ""},
		} {
			if got := s.call(request[0], request[1], request[2]).refused(t, http.StatusServiceUnavailable, "UNAVAILABLE"); got.retry == "" {
				t.Errorf("%s %s: no Retry-After", request[0], request[1])
			}
		}
		s.upload("", heldOut(), nil).refused(t, http.StatusServiceUnavailable, "UNAVAILABLE")
		if code(s.web+"/readyz") != http.StatusOK {
			t.Error("the gateway must stay ready while inference answers")
		}
		s.persistence.start()
		s.eventually("predictions are recorded again", func() bool {
			return predict().GetRecording() == futurisysv1.Recording_RECORDING_RECORDED
		})
		s.eventually("employees are read again", func() bool { return code(s.web+"/v1/employees") == http.StatusOK })
		var kept futurisysv1.Prediction
		s.call(http.MethodGet, "/v1/predictions/"+queued.GetId(), nil).into(t, &kept)
		if queued.Recording, queued.CommitSequence = kept.GetRecording(), kept.GetCommitSequence(); !proto.Equal(&kept, queued) {
			t.Errorf("what was queued is not what is on record: %v", cmp.Diff(queued, &kept, protocmp.Transform()))
		}
	})
}

func TestInferenceGoesAwayAndComesBack(t *testing.T) {
	databases(t, func(t *testing.T, s *stack) {
		profile := `{"profile": ` + exampleJSON(t, s) + `}`
		var prediction futurisysv1.Prediction
		s.call(http.MethodPost, "/v1/models/attrition:predict", profile).into(t, &prediction)
		s.inference.stop()
		s.call(http.MethodPost, "/v1/models/attrition:predict", profile).refused(t, http.StatusServiceUnavailable, "UNAVAILABLE")
		s.call(http.MethodGet, "/v1/predictions/"+prediction.GetId(), nil).into(t, &futurisysv1.Prediction{})
		var status futurisysv1.Status
		s.call(http.MethodGet, "/v1/status", nil).into(t, &status)
		ready := map[string]bool{}
		for _, service := range status.GetServices() {
			ready[service.GetService()] = service.GetReady()
		}
		if !ready["gateway"] || ready["inference"] || !ready["persistence"] {
			t.Errorf("the status says %v", ready)
		}
		s.inference.start()
		s.eventually("profiles are scored again", func() bool {
			return s.call(http.MethodPost, "/v1/models/attrition:predict", profile).code == http.StatusOK
		})
	})
}

func TestRequiredRecordingRefusesWithoutPersistence(t *testing.T) {
	s := start(t, options{database: sqliteURL(t), environment: []string{"RECORDING=required", "OUTBOX_DIR="}})
	profile := `{"profile": ` + exampleJSON(t, s) + `}`
	s.call(http.MethodPost, "/v1/models/attrition:predict", profile).into(t, &futurisysv1.Prediction{})
	s.persistence.stop()
	got := s.call(http.MethodPost, "/v1/models/attrition:predict", profile).refused(t, http.StatusServiceUnavailable, "UNAVAILABLE")
	if got.retry == "" {
		t.Error("no Retry-After")
	}
}

func TestDemoHasNoDatabase(t *testing.T) {
	s := start(t, options{environment: []string{"ENVIRONMENT=demo"}})
	var prediction futurisysv1.Prediction
	s.call(http.MethodPost, "/v1/models/attrition:predict", `{"profile": `+exampleJSON(t, s)+`}`).into(t, &prediction)
	if prediction.GetRecording() != futurisysv1.Recording_RECORDING_OFF {
		t.Errorf("got %s", prediction.GetRecording())
	}
	for _, path := range []string{"/v1/employees", "/v1/employees/1", "/v1/employees/1/predictions", "/v1/predictions"} {
		s.call(http.MethodGet, path, nil).refused(t, http.StatusNotFound, "NO_DATABASE")
	}
	s.upload("", heldOut(), nil).refused(t, http.StatusNotFound, "NO_DATABASE")
	s.call(http.MethodPost, "/v1/models/attrition:predictEmployees", `{"employeeIds": [1]}`).refused(t, http.StatusNotFound, "NO_DATABASE")
	var status futurisysv1.Status
	s.call(http.MethodGet, "/v1/status", nil).into(t, &status)
	if len(status.GetServices()) != 2 {
		t.Errorf("got %v", &status)
	}
}

// An outbox that was set aside, whole or not, is counted until its rows were put on record
// by hand; to do so twice changes nothing.
func TestSetAsideOutboxIsTakenIn(t *testing.T) {
	s := start(t, options{database: sqliteURL(t)})
	profile := `{"profile": ` + exampleJSON(t, s) + `}`
	s.persistence.stop()
	var ids []string
	for range 5 {
		var queued futurisysv1.Prediction
		s.call(http.MethodPost, "/v1/models/attrition:predict", profile).into(t, &queued)
		if queued.GetRecording() != futurisysv1.Recording_RECORDING_QUEUED {
			t.Fatalf("got %v", &queued)
		}
		ids = append(ids, queued.GetId())
	}
	s.inference.stop()
	folder := ""
	for _, variable := range s.environment {
		if value, ok := strings.CutPrefix(variable, "OUTBOX_DIR="); ok {
			folder = value
		}
	}
	aside := filepath.Join(folder, "outbox.db.damaged-20261125T100000Z")
	if err := os.Rename(filepath.Join(folder, "outbox.db"), aside); err != nil {
		t.Fatal(err)
	}
	s.persistence.start()
	s.inference.start()
	said := func() bool {
		return strings.Contains(string(s.call(http.MethodGet, "/v1/status", nil).body), "0 rows that the record refused, 1 files")
	}
	s.eventually("the status says that a file is set aside", said)
	for _, want := range []string{"5 put on record, 0 there already", "0 put on record, 5 there already"} {
		command := exec.CommandContext(t.Context(), filepath.Join(binaries, "inference"), "outbox", "import", aside)
		command.Env = s.environment
		out, err := command.CombinedOutput()
		if err != nil || !strings.Contains(string(out), want) {
			t.Fatalf("got %v: %s", err, out)
		}
		imported, err := filepath.Glob(aside + ".imported*")
		if err != nil || len(imported) != 1 {
			t.Fatalf("got %v, %v", imported, err)
		}
		aside = imported[0]
	}
	for _, id := range ids {
		s.call(http.MethodGet, "/v1/predictions/"+id, nil).into(t, &futurisysv1.Prediction{})
	}
	s.inference.stop()
	s.inference.start()
	s.eventually("it does not count any more", func() bool { return !said() })
}

// Who is away is named by the service that misses it, not guessed by the page.
func TestPageBlamesTheServiceThatIsAway(t *testing.T) {
	s := start(t, options{database: sqliteURL(t)})
	s.upload("", heldOut(), nil).into(t, &futurisysv1.ImportReport{})
	s.persistence.stop()
	page := s.send(http.MethodPost, "/ui/employees/4/score", "application/x-www-form-urlencoded", strings.NewReader("request_id=x"))
	if page.code != http.StatusServiceUnavailable || !strings.Contains(string(page.body), "La base des salariés est indisponible") {
		t.Errorf("got %d: %s", page.code, page.body)
	}
	s.persistence.start()
}
