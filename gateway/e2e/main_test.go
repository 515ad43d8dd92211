// Package e2e drives the three real programs, on SQLite and on a real PostgreSQL,
// as their callers do.
package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/futurisys/futurisys/services/platform/pgtest"
)

// What TestMain makes for all tests.
var (
	binaries string
	library  string // ONNX Runtime
	postgres *pgtest.Server
)

// repository is the repository's folder, seen from here.
const repository = "../.."

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	if binaries, err = os.MkdirTemp("", "e2e-"); err != nil {
		return 1, err
	}
	defer os.RemoveAll(binaries)
	for name, path := range map[string]string{
		"gateway": "./gateway/cmd/gateway", "inference": "./services/inference/cmd/inference", "persistence": "./services/persistence/cmd/persistence",
		"fakehub": "./services/inference/cmd/fakehub",
	} {
		build := exec.Command("go", "build", "-o", filepath.Join(binaries, name), path)
		build.Dir = repository
		if out, err := build.CombinedOutput(); err != nil {
			return 1, fmt.Errorf("build %s: %w: %s", name, err, out)
		}
	}
	runner := exec.Command("go", "build", "-C", filepath.Join(repository, "scripts/dev"), "-o", filepath.Join(binaries, "dev"), ".")
	runner.Env = append(os.Environ(), "GOWORK=off") // a module of its own
	if out, err := runner.CombinedOutput(); err != nil {
		return 1, fmt.Errorf("build dev: %w: %s", err, out)
	}
	if library, err = findLibrary(); err != nil {
		return 1, err
	}
	if postgres, err = pgtest.Start(); err != nil {
		return 1, err
	}
	code = m.Run()
	return code, postgres.Stop()
}

func findLibrary() (string, error) {
	if given := os.Getenv("ONNXRUNTIME_LIB"); given != "" {
		return given, nil
	}
	found, err := filepath.Glob(filepath.Join(repository, ".cache/onnxruntime/libonnxruntime.*"))
	if err != nil || len(found) == 0 {
		return "", fmt.Errorf("ONNX Runtime is needed: run `make setup`, or set ONNXRUNTIME_LIB: %w", err)
	}
	return filepath.Abs(found[0])
}
