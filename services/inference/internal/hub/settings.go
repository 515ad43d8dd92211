package hub

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// Settings are those of the Python library, by the same names and with the same
// precedence, so that both find one cache. Embed it among a program's settings.
type Settings struct {
	HFEndpoint   string `name:"hf-endpoint" env:"HF_ENDPOINT" default:"https://huggingface.co" help:"The Hub."`
	HFToken      string `name:"hf-token" env:"HF_TOKEN,HUGGING_FACE_HUB_TOKEN" help:"Access token for the Hub; better in the environment than as a flag, which others can see."`
	HFTokenPath  string `name:"hf-token-path" env:"HF_TOKEN_PATH" help:"A file with the token (default HF_HOME/token)."`
	HFHome       string `name:"hf-home" env:"HF_HOME" help:"Folder of the Hub's cache and token (default $XDG_CACHE_HOME/huggingface, then ~/.cache/huggingface)."`
	HFHubCache   string `name:"hf-hub-cache" env:"HF_HUB_CACHE,HUGGINGFACE_HUB_CACHE" help:"Folder of the Hub's cache (default HF_HOME/hub)."`
	HFHubOffline string `name:"hf-hub-offline" env:"HF_HUB_OFFLINE,TRANSFORMERS_OFFLINE" help:"1: never ask the Hub, serve from the cache."`
}

// Validate refuses a token that no header could carry: the Hub would seem to be away.
func (s Settings) Validate() error { return checkToken("HF_TOKEN", strings.TrimSpace(s.HFToken)) }

func checkToken(key, token string) error {
	if strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return fmt.Errorf("%s: the token has a space, a line break or a character that is not ASCII inside", key)
	}
	return nil
}

// Open returns a client by these settings. An error names the key.
func (s Settings) Open(log *slog.Logger) (*Client, error) {
	offline, err := isTrue(s.HFHubOffline)
	if err != nil {
		return nil, fmt.Errorf("HF_HUB_OFFLINE: %w", err)
	}
	endpoint, err := url.Parse(strings.TrimRight(s.HFEndpoint, "/"))
	if err != nil || endpoint.Host == "" || (endpoint.Scheme != "http" && endpoint.Scheme != "https") {
		return nil, fmt.Errorf("HF_ENDPOINT: %q is not an http(s) address", s.HFEndpoint)
	}
	home, err := s.home()
	if err != nil {
		return nil, err
	}
	token, err := s.token(home)
	if err != nil {
		return nil, err
	}
	cache := s.HFHubCache
	if cache == "" {
		cache = filepath.Join(home, "hub")
	}
	return &Client{
		endpoint: endpoint, token: token, offline: offline, cache: cache, log: log,
		http: &http.Client{Transport: newTransport(), CheckRedirect: lastResponse},
	}, nil
}

func (s Settings) home() (string, error) {
	if s.HFHome != "" {
		return s.HFHome, nil
	}
	if cache := os.Getenv("XDG_CACHE_HOME"); cache != "" {
		return filepath.Join(cache, "huggingface"), nil
	}
	user, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("HF_HOME: it is not set, and no other folder for the cache is known: %w", err)
	}
	return filepath.Join(user, ".cache", "huggingface"), nil
}

// token is the one given, else the one of the file; empty: none, for public models.
func (s Settings) token(home string) (string, error) {
	if token := strings.TrimSpace(s.HFToken); token != "" {
		return token, checkToken("HF_TOKEN", token)
	}
	path := s.HFTokenPath
	if path == "" {
		path = filepath.Join(home, "token")
	}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) && s.HFTokenPath == "" {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("HF_TOKEN_PATH: %w", err)
	}
	token := strings.TrimSpace(string(data))
	return token, checkToken("HF_TOKEN_PATH", token)
}

// isTrue reads a switch as the Python library does.
func isTrue(value string) (bool, error) {
	switch strings.ToUpper(value) {
	case "1", "ON", "YES", "TRUE":
		return true, nil
	case "", "0", "OFF", "NO", "FALSE":
		return false, nil
	}
	return false, fmt.Errorf("%q is neither 1 nor 0", value)
}
