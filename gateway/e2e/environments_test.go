package e2e

import (
	"bytes"
	"context"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// Each environment starts as `make run` starts it, answers, and stops cleanly; a program
// that dies on the way is started again.
func TestEachEnvironmentRuns(t *testing.T) {
	for environment, test := range map[string]struct {
		database func(*testing.T) string
		predict  string
		code     int
	}{
		"demo": {nil, `{"employeeIds": [4]}`, http.StatusNotFound},
		"dev":  {sqliteURL, `{"employeeIds": [4]}`, http.StatusOK},
		"prod": {postgresURL, `{"employeeIds": [4]}`, http.StatusNotFound}, // migrated, and empty
	} {
		t.Run(environment, func(t *testing.T) {
			ports := freePorts(t, 6)
			scheme := "http://"
			if environment == "prod" {
				scheme = "https://"
			}
			s := &stack{t: t, web: scheme + ports[0]}
			own := []string{
				"GATEWAY_HTTP_ADDR=" + ports[0], "GATEWAY_ADMIN_ADDR=" + ports[1], "INFERENCE_GRPC_ADDR=" + ports[2],
				"INFERENCE_ADMIN_ADDR=" + ports[3], "INFERENCE_TARGET=" + ports[2], "PERSISTENCE_GRPC_ADDR=" + ports[4],
				"PERSISTENCE_ADMIN_ADDR=" + ports[5], "PERSISTENCE_TARGET=" + ports[4],
			}
			if test.database != nil {
				own = append(own, "DATABASE_URL="+test.database(t))
			}
			// What is exported and what .env says, the one over the other.
			dotenv := "ENVIRONMENT=prod\nPOSTGRES_PASSWORD=x\nLOG_FORMAT=json\n"
			log, folder := runner(t, dotenv, append(own, "ENVIRONMENT="+environment)...)
			s.eventually(environment+" is ready", func() bool { return strings.Contains(log.String(), "ready ("+environment+")") })
			if environment == "prod" {
				s.https = trusting(t, filepath.Join(folder, "var/access"), "")
				key, err := os.ReadFile(filepath.Join(folder, "var/access/analyst.key"))
				if err != nil {
					t.Fatal(err)
				}
				s.key = strings.TrimSpace(string(key))
			}
			s.call(http.MethodPost, "/v1/models/attrition:predict", `{"profile": `+exampleJSON(t, s)+`}`).into(t, &futurisysv1.Prediction{})
			if got := s.call(http.MethodPost, "/v1/models/attrition:predictEmployees", test.predict); got.code != test.code {
				t.Errorf("employees: got %d %s", got.code, got.body)
			}
			if environment != "prod" && !strings.Contains(log.String(), `"level":"INFO"`) {
				t.Errorf(".env was not read: %s", log)
			}
			kill(t, filepath.Join(binaries, "inference"), "INFERENCE_GRPC_ADDR="+ports[2])
			s.eventually("inference is started again", func() bool { return strings.Contains(log.String(), "inference ended (signal: killed): started again") })
			s.eventually("it answers again", func() bool { return code("http://"+ports[3]+"/readyz") == http.StatusOK })
		})
	}
}

// runner runs what `make run` runs, in a folder like the repository with this .env.
func runner(t *testing.T, dotenv string, environment ...string) (log *logBuffer, folder string) {
	t.Helper()
	folder = t.TempDir()
	for name, target := range map[string]string{"bin": binaries, "deploy": absolute(t, "deploy"), "scripts": absolute(t, "scripts")} {
		if err := os.Symlink(target, filepath.Join(folder, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(folder, ".env"), []byte(dotenv), 0o600); err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(context.Background(), filepath.Join(binaries, "dev"))
	command.Dir = folder
	command.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "ONNXRUNTIME_LIB=" + library}, environment...)
	log = &logBuffer{}
	command.Stdout, command.Stderr = log, log
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = command.Process.Signal(syscall.SIGTERM)
		if err := command.Wait(); err != nil {
			t.Errorf("it ended with %v", err)
		}
		if t.Failed() {
			t.Logf("log:\n%s", log)
		}
	})
	return log, folder
}

// kill kills the process of a program that has this in its environment.
func kill(t *testing.T, program, variable string) {
	t.Helper()
	processes, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	for _, process := range processes {
		environment, err := os.ReadFile(filepath.Join(process, "environ"))
		if err != nil || !bytes.Contains(environment, []byte(variable)) {
			continue
		}
		if path, err := os.Readlink(filepath.Join(process, "exe")); err != nil || path != program {
			continue
		}
		number, err := strconv.Atoi(filepath.Base(process))
		if err == nil {
			err = syscall.Kill(number, syscall.SIGKILL)
		}
		if err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Fatal("there is no such process")
}
