package repository_test

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/futurisys/futurisys/services/inference/internal/engine/enginetest"
	"github.com/futurisys/futurisys/services/inference/internal/hub"
	"github.com/futurisys/futurisys/services/inference/internal/hub/hubtest"
	"github.com/futurisys/futurisys/services/inference/internal/registry"
	"github.com/futurisys/futurisys/services/inference/internal/registry/registrytest"
	"github.com/futurisys/futurisys/services/inference/internal/repository"
)

const name = "acme/attrition"

// world is a Hub with both versions of the committed model, tagged.
type world struct {
	hub      *hubtest.Hub
	settings hub.Settings
	commits  map[string]string // by tag
}

func start(t *testing.T) *world {
	t.Helper()
	w := &world{commits: map[string]string{}}
	var endpoint string
	w.hub, endpoint = hubtest.Start(t)
	w.settings = hub.Settings{HFEndpoint: endpoint, HFHome: t.TempDir()}
	w.commit(t, enginetest.Repository()+"/attrition/1", "model-v1.0.0", "not-a-version", "model-v1.0.0-rc1")
	w.commit(t, enginetest.Repository()+"/attrition/2", "model-v2.0.0")
	return w
}

func (w *world) commit(t *testing.T, folder string, tags ...string) string {
	t.Helper()
	commit, err := w.hub.Commit(name, folder, tags...)
	if err != nil {
		t.Fatal(err)
	}
	for _, tag := range tags {
		w.commits[tag] = commit
	}
	return commit
}

// away makes the Hub answer nothing but that it is down.
func (w *world) away() {
	w.hub.Before(func(rw http.ResponseWriter, _ *http.Request) bool {
		rw.WriteHeader(http.StatusServiceUnavailable)
		return true
	})
}

func (w *world) open(t *testing.T, revision string) repository.Repository {
	t.Helper()
	opened, err := repository.Open("hf://"+name+revision, w.settings, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return opened
}

// show is a listing for comparison.
func show(listing *repository.Listing) string {
	var parts []string
	for _, c := range listing.Candidates {
		parts = append(parts, fmt.Sprintf("%s/%d %s@%s", c.Model, c.Number, c.Tag, c.Revision[:7]))
	}
	return strings.Join(parts, ", ")
}

func TestWhatALocationLists(t *testing.T) {
	w := start(t)
	first, second := w.commits["model-v1.0.0"], w.commits["model-v2.0.0"]
	for revision, want := range map[string]string{
		"":              "attrition/1000000 model-v1.0.0@" + first[:7] + ", attrition/2000000 model-v2.0.0@" + second[:7],
		"@model-v1.0.0": "attrition/1000000 model-v1.0.0@" + first[:7],
		"@main":         "attrition/2000000 @" + second[:7],
		"@" + first:     "attrition/1000000 @" + first[:7],
	} {
		listing, err := w.open(t, revision).List(t.Context())
		if err != nil || show(listing) != want || listing.FromCache || listing.Reason != "" {
			t.Errorf("%q: got %s, %v, want %s", revision, show(listing), err, want)
		}
	}
	if _, err := w.open(t, "@model-v9.0.0").List(t.Context()); !errors.Is(err, hub.ErrRevision) {
		t.Errorf("got %v", err)
	}
}

// A version that has no number is left out and said, not passed over in silence.
func TestTagWithoutANumberIsSaid(t *testing.T) {
	w := start(t)
	w.commit(t, enginetest.Repository()+"/attrition/2", "model-v1.1000.0")
	listing, err := w.open(t, "").List(t.Context())
	if err != nil || len(listing.Candidates) != 2 || !strings.Contains(listing.Reason, "model-v1.1000.0") {
		t.Errorf("got %s, %q, %v", show(listing), listing.Reason, err)
	}
	if _, err := w.open(t, "@model-v1.1000.0").List(t.Context()); err == nil || !strings.Contains(err.Error(), "model-v1.1000.0") {
		t.Errorf("pinned to it: got %v", err)
	}
}

// What was read once is listed and read without the Hub; what was not is not.
func TestHubAwayIsServedFromTheCache(t *testing.T) {
	for revision, want := range map[string]string{
		"": "attrition/1000000 model-v1.0.0@", "@model-v1.0.0": "attrition/1000000 model-v1.0.0@", "@main": "attrition/2000000 @",
	} {
		t.Run("hf"+revision, func(t *testing.T) {
			w := start(t)
			opened := w.open(t, revision)
			listing, err := opened.List(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := opened.Read(t.Context(), listing.Candidates[0]); err != nil {
				t.Fatal(err)
			}
			w.away()
			offline := w.settings
			offline.HFHubOffline = "1"
			for _, settings := range []hub.Settings{w.settings, offline} {
				w.settings = settings
				opened := w.open(t, revision) // as after a restart
				listing, err := opened.List(t.Context())
				if err != nil || !strings.HasPrefix(show(listing), want) || len(listing.Candidates) != 1 || !listing.FromCache || listing.Reason == "" {
					t.Fatalf("got %s, %q, %v", show(listing), listing.Reason, err)
				}
				if _, err := opened.Read(t.Context(), listing.Candidates[0]); err != nil {
					t.Error(err)
				}
			}
		})
	}
	w := start(t)
	w.away()
	if _, err := w.open(t, "").List(t.Context()); !errors.Is(err, hub.ErrUnavailable) {
		t.Errorf("nothing in the cache: got %v", err)
	}
}

// A tag that is cached by half is not remembered: the cache never has a version
// that is not whole.
func TestTagIsRememberedWhenAllOfItIsThere(t *testing.T) {
	w := start(t)
	opened := w.open(t, "")
	listing, err := opened.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	w.hub.Before(func(rw http.ResponseWriter, r *http.Request) bool {
		if !strings.HasPrefix(r.URL.Path, "/cdn/") {
			return false
		}
		rw.WriteHeader(http.StatusBadGateway)
		return true
	})
	if _, err := opened.Read(t.Context(), listing.Candidates[0]); !errors.Is(err, hub.ErrUnavailable) {
		t.Fatalf("got %v", err)
	}
	if found, err := filepath.Glob(filepath.Join(w.settings.HFHome, "hub/models--acme--attrition/refs/*")); err != nil || len(found) != 0 {
		t.Errorf("got %v, %v", found, err)
	}
}

// A tag that was moved is another content under the same number: what was admitted
// serves on, and it is said.
func TestMovedTagIsNotFollowed(t *testing.T) {
	w := start(t)
	models := registrytest.Open(t, registrytest.Options(t, "hf://"+name, w.settings))
	w.commit(t, enginetest.Repository()+"/attrition/2", "model-v1.0.0")
	if err := models.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	version, err := models.Acquire("attrition", 1_000_000, "")
	if err != nil {
		t.Fatal(err)
	}
	defer version.Release()
	if version.Package.Manifest.Version != "1.0.0" {
		t.Errorf("the tag was followed to %s", version.Package.Manifest.Version)
	}
	if reason := models.Source().Reason; !strings.Contains(reason, "was changed") {
		t.Errorf("got %q", reason)
	}
}

// A pin is the operator's word: what was champion without it, or under another, does
// not stand in its way.
func TestPinDecidesWhoIsChampion(t *testing.T) {
	w, state := start(t), t.TempDir()
	for revision, want := range map[string]int32{"": 2_000_000, "@model-v1.0.0": 1_000_000, "@model-v2.0.0": 2_000_000} {
		options := registrytest.Options(t, "hf://"+name+revision, w.settings)
		options.Journal = registry.NewFileJournal(state, options.Repository.Name())
		version, err := registrytest.Open(t, options).Acquire("attrition", 0, "")
		if err != nil {
			t.Fatalf("%q: %v", revision, err)
		}
		defer version.Release()
		if version.Number != want {
			t.Errorf("%q: the champion is %d, want %d", revision, version.Number, want)
		}
	}
}

func TestTagAndManifestMustAgree(t *testing.T) {
	w := start(t)
	w.commit(t, enginetest.Repository()+"/attrition/2", "model-v3.0.0")
	models := registrytest.Open(t, registrytest.Options(t, "hf://"+name, w.settings))
	if _, err := models.Load(t.Context(), "attrition", 3_000_000); !errors.Is(err, registry.ErrSemantic) {
		t.Errorf("got %v", err)
	}
	// The newest that was admitted is the champion, not the newest.
	version, err := models.Acquire("attrition", 0, "")
	if err != nil {
		t.Fatal(err)
	}
	defer version.Release()
	if version.Number != 2_000_000 {
		t.Errorf("the champion is %d", version.Number)
	}
}

// An interrupted start resumes: the file that was cut off is fetched again, and
// only then is the version admitted.
func TestVersionCutOffIsRefusedAndThenAdmitted(t *testing.T) {
	w := start(t)
	w.hub.Before(func(rw http.ResponseWriter, r *http.Request) bool {
		if strings.HasPrefix(r.URL.Path, "/cdn/") {
			rw.Header().Set("Content-Length", "1000000")
			_, _ = rw.Write([]byte("half"))
			panic(http.ErrAbortHandler)
		}
		return false
	})
	models := registrytest.Open(t, registrytest.Options(t, "hf://"+name+"@model-v1.0.0", w.settings))
	if err := models.Ready(); err == nil {
		t.Fatal("it is ready on half a file")
	}
	w.hub.Before(nil)
	if err := models.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := models.Ready(); err != nil {
		t.Error(err)
	}
}

func TestBrokenAliasesFileIsSaid(t *testing.T) {
	folder, _ := enginetest.CopyModel(t)
	if err := os.WriteFile(filepath.Join(folder, "attrition", repository.AliasesFile), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	opened, err := repository.Open(folder, hub.Settings{}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := opened.List(t.Context()); err == nil || !strings.Contains(err.Error(), repository.AliasesFile) || strings.Contains(err.Error(), folder) {
		t.Errorf("got %v", err)
	}
}
