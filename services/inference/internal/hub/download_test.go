package hub_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/futurisys/futurisys/services/inference/internal/hub"
)

// childVariable makes this test program fetch a file and end: the tests that kill
// a client need one in a process of its own.
const childVariable = "HUB_TEST_CHILD"

func TestMain(m *testing.M) {
	if commit := os.Getenv(childVariable); commit != "" {
		os.Exit(child(commit))
	}
	os.Exit(m.Run())
}

// child fetches a commit's model, with files bounded to HUB_TEST_FILE_BYTES if it
// is set, which is what a full disk looks like to a program.
func child(commit string) int {
	if limit, err := strconv.ParseUint(os.Getenv("HUB_TEST_FILE_BYTES"), 10, 64); err == nil {
		signal.Ignore(syscall.SIGXFSZ)
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: limit, Max: limit}); err != nil {
			panic(err)
		}
	}
	s := hub.Settings{HFEndpoint: os.Getenv("HF_ENDPOINT"), HFHome: os.Getenv("HF_HOME"), HFHubCache: os.Getenv("HF_HUB_CACHE")}
	client, err := s.Open(slog.New(slog.DiscardHandler))
	if err == nil {
		_, err = client.File(context.Background(), repo, commit, "model.onnx")
	}
	if err != nil {
		fmt.Println(err)
		return 1
	}
	return 0
}

func (w *world) child(t *testing.T, environment ...string) *exec.Cmd {
	t.Helper()
	command := exec.Command(os.Args[0])
	command.Env = append([]string{
		childVariable + "=" + w.commit, "HF_ENDPOINT=" + w.endpoint, "HF_HUB_CACHE=" + w.cache, "HF_HOME=" + t.TempDir(),
	}, environment...)
	return command
}

// fetches counts the GETs of the large file, and lets f answer each instead.
func (w *world) fetches(f func(n int32, rw http.ResponseWriter, r *http.Request) bool) *atomic.Int32 {
	var count atomic.Int32
	w.hub.Before(func(rw http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodGet || !strings.HasPrefix(r.URL.Path, "/cdn/") {
			return false
		}
		return f(count.Add(1), rw, r)
	})
	return &count
}

// half sends the first half of the model and then what the caller of it does.
func (w *world) half(t *testing.T, rw http.ResponseWriter) {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(w.folder, "model.onnx"))
	if err != nil {
		t.Error(err)
	}
	rw.Header().Set("Content-Length", strconv.Itoa(len(content)))
	_, _ = rw.Write(content[:len(content)/2])
	_ = http.NewResponseController(rw).Flush()
}

func TestBodyThatIsCutOffIsResumed(t *testing.T) {
	w := start(t)
	var from string
	count := w.fetches(func(n int32, rw http.ResponseWriter, r *http.Request) bool {
		from = r.Header.Get("Range")
		if n == 1 {
			w.half(t, rw)
			panic(http.ErrAbortHandler)
		}
		return false
	})
	path, err := w.client.File(t.Context(), repo, w.commit, "model.onnx")
	if err != nil {
		t.Fatal(err)
	}
	w.same(t, path, "model.onnx")
	if count.Load() != 2 || from == "" || from == "bytes=0-" {
		t.Errorf("%d downloads, the last from %q", count.Load(), from)
	}
}

func TestServerThatKnowsNoRangeStartsAgain(t *testing.T) {
	w := start(t)
	w.fetches(func(n int32, rw http.ResponseWriter, r *http.Request) bool {
		if n == 1 {
			w.half(t, rw)
			panic(http.ErrAbortHandler)
		}
		r.Header.Del("Range")
		return false
	})
	path, err := w.client.File(t.Context(), repo, w.commit, "model.onnx")
	if err != nil {
		t.Fatal(err)
	}
	w.same(t, path, "model.onnx")
}

func TestWrongContentIsNeverUsed(t *testing.T) {
	for name, body := range map[string]string{
		"same size": strings.Repeat("x", 16<<14), "shorter": "short", "longer": strings.Repeat("y", 17<<14), "empty": "",
	} {
		t.Run(name, func(t *testing.T) {
			w := start(t)
			w.fetches(func(_ int32, rw http.ResponseWriter, _ *http.Request) bool {
				_, _ = io.WriteString(rw, body)
				return true
			})
			if _, err := w.client.File(t.Context(), repo, w.commit, "model.onnx"); !errors.Is(err, hub.ErrCorrupt) {
				t.Errorf("got %v", err)
			}
			w.none(t, true)
			w.hub.Before(nil)
			path, err := w.client.File(t.Context(), repo, w.commit, "model.onnx")
			if err != nil {
				t.Fatal(err)
			}
			w.same(t, path, "model.onnx")
		})
	}
}

func TestBlobDamagedOnTheDiskIsFetchedAnew(t *testing.T) {
	w := start(t)
	path, err := w.client.File(t.Context(), repo, w.commit, "model.onnx")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("damaged"), 0o600); err != nil { // through the link
		t.Fatal(err)
	}
	if path, err = w.client.File(t.Context(), repo, w.commit, "model.onnx"); err != nil {
		t.Fatal(err)
	}
	w.same(t, path, "model.onnx")
}

func TestKilledHalfWayThenResumed(t *testing.T) {
	w := start(t)
	sent, release := make(chan struct{}), make(chan struct{})
	w.fetches(func(_ int32, rw http.ResponseWriter, _ *http.Request) bool {
		w.half(t, rw)
		close(sent)
		<-release
		panic(http.ErrAbortHandler)
	})
	victim := w.child(t)
	if err := victim.Start(); err != nil {
		t.Fatal(err)
	}
	<-sent
	part := filepath.Join(w.cache, "models--acme--attrition", "blobs", "*.incomplete")
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if found, _ := filepath.Glob(part); len(found) == 1 {
			if info, err := os.Stat(found[0]); err == nil && info.Size() > 0 {
				break
			}
		}
		if time.Now().After(deadline) {
			t.Fatal("the client wrote nothing")
		}
	}
	if err := victim.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = victim.Wait()
	close(release)
	w.none(t, false)

	var from string
	w.fetches(func(_ int32, _ http.ResponseWriter, r *http.Request) bool {
		from = r.Header.Get("Range")
		return false
	})
	path, err := w.client.File(t.Context(), repo, w.commit, "model.onnx")
	if err != nil {
		t.Fatal(err)
	}
	w.same(t, path, "model.onnx")
	if from == "" {
		t.Error("it started again instead of going on")
	}
}

func TestFullDiskIsSaidAndLeavesNothingBroken(t *testing.T) {
	w := start(t)
	out, err := w.child(t, "HUB_TEST_FILE_BYTES=100000").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "write the Hub's cache") {
		t.Errorf("got %v: %s", err, out)
	}
	w.none(t, false)
	path, err := w.client.File(t.Context(), repo, w.commit, "model.onnx")
	if err != nil {
		t.Fatal(err)
	}
	w.same(t, path, "model.onnx")
}
