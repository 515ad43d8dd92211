package hub_test

import (
	"errors"
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/futurisys/futurisys/services/inference/internal/hub"
)

func TestWhyItCannotBeHad(t *testing.T) {
	w := start(t)
	fail := func(code int, header ...string) func(http.ResponseWriter, *http.Request) bool {
		return func(rw http.ResponseWriter, _ *http.Request) bool {
			for i := 0; i < len(header); i += 2 {
				rw.Header().Set(header[i], header[i+1])
			}
			rw.WriteHeader(code)
			return true
		}
	}
	for name, test := range map[string]struct {
		settings             hub.Settings
		repo, revision, file string
		before               func(http.ResponseWriter, *http.Request) bool
		gated                bool
		want                 error
	}{
		"no repository":         {repo: "acme/none", want: hub.ErrRepository},
		"no repository, token":  {repo: "acme/none", settings: hub.Settings{HFToken: token}, want: hub.ErrRepository},
		"no revision":           {revision: "model-v9.9.9", want: hub.ErrRevision},
		"no file":               {file: "none.txt", want: hub.ErrFile},
		"gated":                 {gated: true, want: hub.ErrGated},
		"unknown token":         {settings: hub.Settings{HFToken: "hf_wrong"}, want: hub.ErrToken},
		"down":                  {before: fail(http.StatusServiceUnavailable), want: hub.ErrUnavailable},
		"long rate limit":       {before: fail(http.StatusTooManyRequests, "Retry-After", "3600"), want: hub.ErrUnavailable},
		"long rate limit, IETF": {before: fail(http.StatusTooManyRequests, "RateLimit", `"api";r=0;t=3000`), want: hub.ErrUnavailable},
		"not a Hub":             {before: fail(http.StatusOK), want: hub.ErrUnavailable},
		"no hash":               {before: fail(http.StatusOK, "X-Repo-Commit", strings.Repeat("a", 40), "ETag", `"../../x"`), want: hub.ErrCorrupt},
		"redirects for ever":    {before: fail(http.StatusFound, "Location", "/again"), want: hub.ErrUnavailable},
		"nobody there":          {settings: hub.Settings{HFEndpoint: "http://127.0.0.1:1"}, want: hub.ErrUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			w.hub.Before(test.before)
			w.hub.Restrict(repo, false, test.gated)
			pick := func(given, standard string) string {
				if given != "" {
					return given
				}
				return standard
			}
			_, err := w.open(t, test.settings).Resolve(t.Context(), pick(test.repo, repo), pick(test.revision, tag), pick(test.file, "manifest.json"))
			if !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
			if err != nil && strings.Contains(err.Error(), token) {
				t.Errorf("the token is in the message: %v", err)
			}
		})
	}
}

func TestShortRateLimitIsWaitedFor(t *testing.T) {
	w := start(t)
	var asked atomic.Int32
	w.hub.Before(func(rw http.ResponseWriter, _ *http.Request) bool {
		if asked.Add(1) > 2 {
			return false
		}
		rw.Header().Set("Retry-After", "0")
		rw.WriteHeader(http.StatusTooManyRequests)
		return true
	})
	if _, err := w.client.Resolve(t.Context(), repo, tag, "manifest.json"); err != nil || asked.Load() != 3 {
		t.Errorf("asked %d times: %v", asked.Load(), err)
	}
}

func TestNamesCannotLeadOutOfTheCache(t *testing.T) {
	for _, bad := range []string{"", "attrition", "../x", "a/b/c", "a/..", "a/b--c", "a/b\x00", "/a/b", "a/ b"} {
		if hub.CheckRepository(bad) == nil {
			t.Errorf("repository %q was accepted", bad)
		}
	}
	for _, bad := range []string{"", "..", "../../etc/passwd", "a//b", "/a", "a/", "a b", "a\n"} {
		if hub.CheckRevision(bad) == nil {
			t.Errorf("revision %q was accepted", bad)
		}
	}
	for _, good := range []string{"main", "model-v1.0.0", "refs/pr/1", "v1.0.0+build.1"} {
		if err := hub.CheckRevision(good); err != nil {
			t.Error(err)
		}
	}
}

// FuzzRevision checks that whatever passes stays inside of the folder of refs.
func FuzzRevision(f *testing.F) {
	for _, seed := range []string{"main", "refs/pr/1", "..", "a/../b", "/a", "a/./b"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if hub.CheckRevision(name) == nil && !filepath.IsLocal(name) {
			t.Errorf("%q leads out", name)
		}
	})
}
