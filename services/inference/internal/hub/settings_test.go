package hub_test

import (
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/futurisys/futurisys/services/inference/internal/hub"
)

// The cache and the token are found where the Python library finds them.
func TestCacheIsWherePythonHasIt(t *testing.T) {
	for name, test := range map[string]struct {
		settings hub.Settings
		xdg      bool
		want     string // below the test's folder
	}{
		"HF_HUB_CACHE":   {settings: hub.Settings{HFHubCache: "a", HFHome: "b"}, want: "a"},
		"HF_HOME":        {settings: hub.Settings{HFHome: "b"}, want: "b/hub"},
		"XDG_CACHE_HOME": {xdg: true, want: "xdg/huggingface/hub"},
		"home":           {want: "home/.cache/huggingface/hub"},
	} {
		t.Run(name, func(t *testing.T) {
			w := start(t)
			root := t.TempDir()
			t.Setenv("HOME", filepath.Join(root, "home"))
			t.Setenv("XDG_CACHE_HOME", "")
			if test.xdg {
				t.Setenv("XDG_CACHE_HOME", filepath.Join(root, "xdg"))
			}
			s := test.settings
			s.HFEndpoint = w.endpoint
			for _, path := range []*string{&s.HFHubCache, &s.HFHome} {
				if *path != "" {
					*path = filepath.Join(root, *path)
				}
			}
			client, err := s.Open(slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := client.File(t.Context(), repo, w.commit, "README.md"); err != nil {
				t.Fatal(err)
			}
			if _, err := os.Stat(filepath.Join(root, test.want, "models--acme--attrition")); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestTokenIsReadFromItsFile(t *testing.T) {
	w := start(t)
	home := t.TempDir()
	write(t, filepath.Join(home, "token"), token+"\n")
	write(t, filepath.Join(home, "other"), "hf_other\n")
	var got string
	w.hub.Before(func(_ http.ResponseWriter, r *http.Request) bool {
		got = strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		return false
	})
	for want, s := range map[string]hub.Settings{
		token:      {},
		"hf_other": {HFTokenPath: filepath.Join(home, "other")},
		"hf_given": {HFToken: " hf_given\n", HFTokenPath: filepath.Join(home, "other")},
	} {
		s.HFEndpoint, s.HFHome = w.endpoint, home
		client, err := s.Open(slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		_, _ = client.Resolve(t.Context(), repo, tag, "README.md") // unknown tokens are refused
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestBadSettingNamesItsKey(t *testing.T) {
	for key, s := range map[string]hub.Settings{
		"HF_HUB_OFFLINE": {HFEndpoint: "http://x", HFHubOffline: "maybe"},
		"HF_ENDPOINT":    {HFEndpoint: "ftp://x"},
		"HF_TOKEN_PATH":  {HFEndpoint: "http://x", HFTokenPath: filepath.Join(t.TempDir(), "none")},
	} {
		if _, err := s.Open(slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), key) {
			t.Errorf("got %v, want an error that names %s", err, key)
		}
	}
}
