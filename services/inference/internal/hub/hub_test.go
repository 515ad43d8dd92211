package hub_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/futurisys/futurisys/services/inference/internal/hub"
	"github.com/futurisys/futurisys/services/inference/internal/hub/hubtest"
)

const (
	repo  = "acme/attrition"
	token = "hf_test"
	tag   = "model-v1.0.0"
)

// world is a Hub with one commit, and a client with a cache of its own.
type world struct {
	hub      *hubtest.Hub
	endpoint string
	cache    string
	client   *hub.Client
	commit   string
	folder   string // what was committed
}

func start(t *testing.T) *world {
	t.Helper()
	w := &world{cache: t.TempDir(), folder: t.TempDir()}
	w.hub, w.endpoint = hubtest.Start(t)
	w.hub.AddToken(token)
	write(t, filepath.Join(w.folder, "model.onnx"), strings.Repeat("0123456789abcdef", 1<<14))
	write(t, filepath.Join(w.folder, "manifest.json"), `{"version": "1.0.0"}`)
	write(t, filepath.Join(w.folder, "README.md"), "# card\n")
	var err error
	if w.commit, err = w.hub.Commit(repo, w.folder, tag); err != nil {
		t.Fatal(err)
	}
	w.client = w.open(t, hub.Settings{})
	return w
}

// open returns a client of this world that differs by some settings.
func (w *world) open(t *testing.T, s hub.Settings) *hub.Client {
	t.Helper()
	s.HFHome = filepath.Dir(w.cache)
	s.HFHubCache = w.cache
	if s.HFEndpoint == "" {
		s.HFEndpoint = w.endpoint
	}
	client, err := s.Open(slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// same fails unless the file at path has the content of the committed one.
func (w *world) same(t *testing.T, path, name string) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(filepath.Join(w.folder, name))
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Errorf("%s: %d bytes that are not the %d committed ones", name, len(got), len(want))
	}
}

// none fails if the cache has a whole blob, or with incomplete also a part of one.
func (w *world) none(t *testing.T, incomplete bool) {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(w.cache, "models--acme--attrition", "blobs", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range found {
		if incomplete || !strings.HasSuffix(path, ".incomplete") {
			t.Errorf("left behind: %s", path)
		}
	}
}

func TestFileComesOnceAndThenWithoutTheNetwork(t *testing.T) {
	w := start(t)
	commit, err := w.client.Resolve(t.Context(), repo, tag, "manifest.json")
	if err != nil || commit != w.commit {
		t.Fatalf("got %s, %v; want %s", commit, err, w.commit)
	}
	for _, name := range []string{"model.onnx", "README.md"} {
		path, err := w.client.File(t.Context(), repo, commit, name)
		if err != nil {
			t.Fatal(err)
		}
		w.same(t, path, name)
		link, err := os.Readlink(path)
		if err != nil || !strings.HasPrefix(link, "../../blobs/") {
			t.Errorf("%s must be a relative link to its blob: %q, %v", name, link, err)
		}
	}
	w.hub.Before(func(http.ResponseWriter, *http.Request) bool {
		t.Error("a cached file must not be asked for")
		return false
	})
	for _, client := range []*hub.Client{w.client, w.open(t, hub.Settings{HFHubOffline: "1"})} {
		if _, err := client.File(t.Context(), repo, commit, "model.onnx"); err != nil {
			t.Error(err)
		}
	}
	offline := w.open(t, hub.Settings{HFHubOffline: "ON"})
	if _, err := offline.File(t.Context(), repo, commit, "manifest.json"); !errors.Is(err, hub.ErrUnavailable) {
		t.Errorf("not cached, offline: got %v", err)
	}
	if _, err := offline.Tags(t.Context(), repo); !errors.Is(err, hub.ErrUnavailable) {
		t.Errorf("offline: got %v", err)
	}
}

// Some volumes have no symbolic links: the file is then a copy of its blob.
func TestCacheWithoutLinks(t *testing.T) {
	w := start(t)
	hub.WithoutSymlinks(t)
	path, err := w.client.File(t.Context(), repo, w.commit, "model.onnx")
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(filepath.Join(w.folder, "model.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Lstat(path)
	if got, readErr := os.ReadFile(path); err != nil || readErr != nil || !info.Mode().IsRegular() || !bytes.Equal(got, want) {
		t.Errorf("got %v, %v", info, errors.Join(err, readErr))
	}
	if again, err := w.client.File(t.Context(), repo, w.commit, "model.onnx"); err != nil || again != path {
		t.Errorf("the second time: %s, %v", again, err)
	}
}

func TestRefsAreKept(t *testing.T) {
	w := start(t)
	tags, err := w.client.Tags(t.Context(), repo)
	if err != nil || len(tags) != 1 || tags[0] != (hub.Tag{Name: tag, Target: w.commit}) {
		t.Fatalf("got %v, %v", tags, err)
	}
	if cached, err := w.client.CachedRefs(repo); err != nil || len(cached) != 0 {
		t.Errorf("an empty cache: got %v, %v", cached, err)
	}
	for _, name := range []string{tag, "refs/pr/1", w.commit} {
		if err := w.client.KeepRef(repo, name, w.commit); err != nil {
			t.Fatal(err)
		}
	}
	cached, err := w.client.CachedRefs(repo)
	if err != nil || len(cached) != 2 || cached[tag] != w.commit || cached["refs/pr/1"] != w.commit {
		t.Errorf("got %v, %v", cached, err)
	}
}

func TestTokenGoesToTheHubAndNowhereElse(t *testing.T) {
	w := start(t)
	w.hub.Restrict(repo, true, false)
	if _, err := w.client.File(t.Context(), repo, w.commit, "model.onnx"); !errors.Is(err, hub.ErrRepository) {
		t.Errorf("without a token: got %v", err)
	}
	client := w.open(t, hub.Settings{HFToken: token})
	// The fake's CDN refuses a request that carries a token.
	path, err := client.File(t.Context(), repo, w.commit, "model.onnx")
	if err != nil {
		t.Fatal(err)
	}
	w.same(t, path, "model.onnx")
}

func TestRenamedRepositoryIsFollowed(t *testing.T) {
	w := start(t)
	w.hub.Rename(repo, "acme/renamed")
	for _, name := range []string{"model.onnx", "README.md"} {
		path, err := w.client.File(t.Context(), repo, w.commit, name)
		if err != nil {
			t.Fatal(err)
		}
		w.same(t, path, name)
	}
	if tags, err := w.client.Tags(t.Context(), repo); err != nil || len(tags) != 1 {
		t.Errorf("got %v, %v", tags, err)
	}
}

// Many processes start at once on one cache: one fetches, and all get the file.
func TestManyAtOnceFetchOnce(t *testing.T) {
	w := start(t)
	var fetched atomic.Int32
	w.hub.Before(func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodGet && strings.HasPrefix(r.URL.Path, "/cdn/") {
			fetched.Add(1)
		}
		return false
	})
	var group sync.WaitGroup
	for range 8 {
		client := w.open(t, hub.Settings{})
		group.Go(func() {
			path, err := client.File(context.Background(), repo, w.commit, "model.onnx")
			if err != nil {
				t.Error(err)
				return
			}
			w.same(t, path, "model.onnx")
		})
	}
	group.Wait()
	if fetched.Load() != 1 {
		t.Errorf("fetched %d times", fetched.Load())
	}
}
