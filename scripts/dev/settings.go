package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/joho/godotenv"
)

// settings are what .env says; the environment wins. The programs read both by
// themselves: here is only what the runner itself must know.
type settings map[string]string

func readSettings(path string) (settings, error) {
	if os.Getenv("ENVIRONMENT") == "prod" { // as the programs
		return settings{}, nil
	}
	values, err := godotenv.Read(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read %s: %w", filepath.Base(path), err)
	}
	return values, nil
}

func (s settings) get(key, standard string) string {
	if value, set := os.LookupEnv(key); set && value != "" {
		return value
	}
	if value := s[key]; value != "" {
		return value
	}
	return standard
}

func (s settings) environment() string { return s.get("ENVIRONMENT", "dev") }

// web is the URL of the gateway.
func (s settings) web() string {
	scheme := "http://"
	if s.get("GATEWAY_TLS_CERT_FILE", "") != "" || s.needsHTTPS() {
		scheme = "https://"
	}
	return scheme + s.get("GATEWAY_HTTP_ADDR", "127.0.0.1:8080")
}

// runtime is the path of ONNX Runtime's library, which is fetched where nobody names it.
func (s settings) runtime(ctx context.Context, root string) (string, error) {
	if named := s.get("ONNXRUNTIME_LIB", ""); named != "" {
		return named, nil
	}
	fetch := exec.CommandContext(ctx, filepath.Join(root, "scripts/dev/fetch-onnxruntime.sh"))
	fetch.Stderr = os.Stderr
	path, err := fetch.Output()
	if err != nil {
		return "", fmt.Errorf("fetch ONNX Runtime: %w", err)
	}
	return strings.TrimSpace(string(path)), nil
}
