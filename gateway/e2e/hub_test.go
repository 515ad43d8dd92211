package e2e

import (
	"bufio"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// hubToken is the token that may push to the fake Hub.
const hubToken = "hf_e2e"

// hub is a Hub in a process of its own, so that it can be killed.
type hub struct {
	t        *testing.T
	endpoint string
	addr     string
	process  *exec.Cmd
}

func startHub(t *testing.T) *hub {
	t.Helper()
	h := &hub{t: t, addr: freePorts(t, 1)[0]}
	h.endpoint = "http://" + h.addr
	h.start()
	t.Cleanup(h.stop)
	return h
}

func (h *hub) start() {
	h.t.Helper()
	h.process = exec.Command(filepath.Join(binaries, "fakehub"), "--addr", h.addr, "--token", hubToken)
	out, err := h.process.StdoutPipe()
	if err != nil {
		h.t.Fatal(err)
	}
	if err := h.process.Start(); err != nil {
		h.t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || !strings.Contains(line, h.endpoint) {
		h.t.Fatalf("the Hub says %q: %v", line, err)
	}
}

func (h *hub) stop() {
	if h.process != nil {
		_ = h.process.Process.Kill()
		_ = h.process.Wait()
		h.process = nil
	}
}

// push publishes a package as `make push` does, with the official library.
func (h *hub) push(tree, pkg string) (string, error) {
	h.t.Helper()
	command := exec.CommandContext(h.t.Context(), absolute(h.t, ".cache/venv/bin/python"), "-m", "futurisys_training.push",
		"--inference", filepath.Join(binaries, "inference"), "acme/attrition", pkg)
	command.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + h.t.TempDir(), "HF_ENDPOINT=" + h.endpoint, "HF_TOKEN=" + hubToken, "HF_HUB_DISABLE_XET=1",
		"ONNXRUNTIME_LIB=" + library, "PYTHONPATH=" + filepath.Join(tree, "scripts/training"),
	}
	out, err := command.CombinedOutput()
	return string(out), err
}

// cleanTree is a clone of what push must find clean: the training's code.
func cleanTree(t *testing.T) string {
	t.Helper()
	tree := t.TempDir()
	if err := os.CopyFS(filepath.Join(tree, "scripts/training"), os.DirFS(absolute(t, "scripts/training"))); err != nil {
		t.Fatal(err)
	}
	ignored, err := os.ReadFile(absolute(t, ".gitignore"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(tree, ".gitignore"), ignored, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, arguments := range [][]string{
		{"init", "-q"},
		{"add", "-A"},
		{"-c", "user.name=e2e", "-c", "user.email=e2e@localhost", "commit", "-q", "-m", "training"},
	} {
		if out, err := exec.Command("git", append([]string{"-C", tree}, arguments...)...).CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v: %s", arguments, err, out)
		}
	}
	return tree
}

// The way of a version: push, tag, refresh, challenger, champion, rollback; then
// the Hub goes away, and what was pinned is served from the cache.
func TestWayOfAVersion(t *testing.T) {
	h, tree := startHub(t), cleanTree(t)
	first, second := absolute(t, "deploy/models/attrition/1"), absolute(t, "deploy/models/attrition/2")
	if out, err := h.push(tree, first); err != nil || !strings.Contains(out, "acme/attrition@model-v1.0.0") {
		t.Fatalf("push: %v: %s", err, out)
	}
	s := start(t, options{database: sqliteURL(t), environment: []string{
		"MODEL_REPOSITORY=hf://acme/attrition", "HF_ENDPOINT=" + h.endpoint, "HF_HUB_CACHE=" + t.TempDir(), "HF_HUB_DISABLE_XET=1",
	}})
	profile := exampleJSON(t, s)
	if got := s.predict(t, profile, "").GetModelVersion(); got != 1_000_000 {
		t.Fatalf("got version %d", got)
	}

	if out, err := h.push(tree, second); err != nil {
		t.Fatalf("push: %v: %s", err, out)
	}
	var refreshed futurisysv1.RefreshModelsResponse
	s.call(http.MethodPost, "/v1/models:refresh", `{}`).into(t, &refreshed)
	if got := fmt.Sprint(refreshed.GetModels()[0].GetVersions()); got != "[1000000 2000000]" {
		t.Fatalf("got versions %s", got)
	}
	if got := s.predict(t, profile, "").GetModelVersion(); got != 1_000_000 {
		t.Errorf("a new version took over by itself: %d", got)
	}
	s.setAlias(t, "challenger", 2_000_000)
	challenger := s.predict(t, profile, `"alias": "challenger",`)
	var version futurisysv1.ModelVersion
	s.call(http.MethodGet, "/v1/models/attrition/versions/2000000", nil).into(t, &version)
	if challenger.GetModelVersion() != 2_000_000 || challenger.GetModelRevision() != version.GetRevision() || version.GetTag() != "model-v2.0.0" {
		t.Errorf("got %v of %v", challenger, &version)
	}
	s.setAlias(t, "champion", 2_000_000)
	if got := s.predict(t, profile, ""); got.GetModelVersion() != 2_000_000 || got.GetProbability() != challenger.GetProbability() {
		t.Errorf("got %v", got)
	}
	var model futurisysv1.Model
	s.call(http.MethodPost, "/v1/models/attrition:rollbackAlias", `{"alias": "champion", "changedBy": "jean"}`).into(t, &model)
	if last := model.GetAliasChanges()[0]; last.GetKind() != futurisysv1.AliasChangeKind_ALIAS_CHANGE_KIND_ROLLBACK ||
		last.GetChangedBy() != "jean" || last.GetToVersion() != 1_000_000 {
		t.Errorf("got %v", last)
	}
	s.setAlias(t, "champion", 2_000_000)

	h.stop()
	s.call(http.MethodPost, "/v1/models:refresh", `{}`).into(t, &refreshed)
	s.inference.stop()
	s.inference.start()
	if got := s.predict(t, profile, ""); got.GetModelVersion() != 2_000_000 || got.GetModelRevision() != version.GetRevision() {
		t.Errorf("without the Hub: got %v", got)
	}
	s.call(http.MethodGet, "/v1/models/attrition", nil).into(t, &model)
	if source := model.GetSource(); !source.GetFromCache() || source.GetReason() == "" {
		t.Errorf("the API does not say that the Hub is away: %v", source)
	}
	if !strings.Contains(s.inference.log.String(), "the Hub is unavailable") {
		t.Error("the log does not say that the Hub is unavailable")
	}
	var status futurisysv1.Status
	s.call(http.MethodGet, "/v1/status", nil).into(t, &status)
	if !strings.Contains(fmt.Sprint(&status), "from the cache") {
		t.Errorf("the status does not say it: %v", &status)
	}
}

func TestPushRefusesWhatMustNotBePublished(t *testing.T) {
	h, tree := startHub(t), cleanTree(t)
	first := absolute(t, "deploy/models/attrition/1")
	if out, err := h.push(tree, first); err != nil {
		t.Fatalf("push: %v: %s", err, out)
	}
	if out, err := h.push(tree, first); err == nil || !strings.Contains(out, "has the tag model-v1.0.0") {
		t.Errorf("the same tag again: %v: %s", err, out)
	}
	broken := absolute(t, "services/inference/internal/registry/testdata/broken_conversion")
	if out, err := h.push(tree, broken); err == nil || !strings.Contains(out, "golden rows") {
		t.Errorf("a broken package: %v: %s", err, out)
	}
	if err := os.WriteFile(filepath.Join(tree, "changed"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := h.push(tree, absolute(t, "deploy/models/attrition/2")); err == nil || !strings.Contains(out, "not committed") {
		t.Errorf("a dirty tree: %v: %s", err, out)
	}
}

// A service that starts before the Hub has anything lives, is not ready and says
// why, and becomes ready by itself.
func TestNotReadyBeforeTheFirstVersion(t *testing.T) {
	h := startHub(t)
	ports := freePorts(t, 2)
	command := exec.Command(filepath.Join(binaries, "inference"))
	log := &logBuffer{}
	command.Stderr = log
	command.Dir = t.TempDir()
	command.Env = []string{
		"HOME=" + t.TempDir(), "ONNXRUNTIME_LIB=" + library, "INFERENCE_GRPC_ADDR=" + ports[0], "INFERENCE_ADMIN_ADDR=" + ports[1],
		"PERSISTENCE_TARGET=", "MODEL_REPOSITORY=hf://acme/attrition@model-v1.0.0", "HF_ENDPOINT=" + h.endpoint,
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	})
	s := &stack{t: t}
	s.eventually("it lives", func() bool { return code("http://"+ports[1]+"/healthz") == http.StatusOK })
	if got := code("http://" + ports[1] + "/readyz"); got != http.StatusServiceUnavailable {
		t.Errorf("it answers %d before it has a model", got)
	}
	if out, err := h.push(cleanTree(t), absolute(t, "deploy/models/attrition/1")); err != nil {
		t.Fatalf("push: %v: %s", err, out)
	}
	s.eventually("it is ready", func() bool { return code("http://"+ports[1]+"/readyz") == http.StatusOK })
	if !strings.Contains(log.String(), "no such repository") {
		t.Errorf("the log does not say what was missing: %s", log)
	}
}

func (s *stack) predict(t *testing.T, profile, more string) *futurisysv1.Prediction {
	t.Helper()
	var prediction futurisysv1.Prediction
	s.call(http.MethodPost, "/v1/models/attrition:predict", `{`+more+`"profile": `+profile+`}`).into(t, &prediction)
	return &prediction
}

func (s *stack) setAlias(t *testing.T, alias string, version int) {
	t.Helper()
	body := fmt.Sprintf(`{"alias": %q, "version": %d, "changedBy": "marie", "comment": "e2e"}`, alias, version)
	s.call(http.MethodPost, "/v1/models/attrition:setAlias", body).into(t, &futurisysv1.Model{})
}
