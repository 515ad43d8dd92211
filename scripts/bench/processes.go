package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// processes are what runs besides the generator.
type processes struct {
	root    string
	folder  string
	running []*exec.Cmd
}

// stack is where the three programs answer.
type stack struct {
	web   string         // URL of the gateway
	grpc  string         // address of inference
	admin string         // URL of inference's metrics
	pids  map[string]int // of the programs, by their names
}

// startEcho starts the no-op servers: this program again, in a process of its own.
func (p *processes) startEcho() (*stack, error) {
	ports, err := freePorts(2)
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	environment := []string{"ECHO_HTTP_ADDR=" + ports[0], "ECHO_GRPC_ADDR=" + ports[1]}
	if err := p.start(self, []string{"echo"}, environment, "http://"+ports[0]); err != nil {
		return nil, err
	}
	return &stack{web: "http://" + ports[0], grpc: ports[1]}, nil
}

// startStack starts the three programs; without a database nothing is recorded. more are
// settings besides the usual ones.
func (p *processes) startStack(database string, more ...string) (*stack, error) {
	ports, err := freePorts(6)
	if err != nil {
		return nil, err
	}
	environment := []string{
		"GATEWAY_HTTP_ADDR=" + ports[0], "GATEWAY_ADMIN_ADDR=" + ports[1],
		"INFERENCE_GRPC_ADDR=" + ports[2], "INFERENCE_ADMIN_ADDR=" + ports[3], "INFERENCE_TARGET=" + ports[2],
		"PERSISTENCE_GRPC_ADDR=" + ports[4], "PERSISTENCE_ADMIN_ADDR=" + ports[5], "PERSISTENCE_TARGET=" + ports[4],
		"DATABASE_URL=" + database, "MODEL_REPOSITORY=" + filepath.Join(p.root, "deploy/models"), "RECORDING=required",
		"OUTBOX_DIR=" + filepath.Join(p.folder, "outbox"+ports[2]), "MODEL_STATE_DIR=",
	}
	programs := []struct{ name, admin string }{{"persistence", ports[5]}, {"inference", ports[3]}, {"gateway", ports[1]}}
	if database == "" {
		environment, programs = append(environment, "PERSISTENCE_TARGET=", "RECORDING=off"), programs[1:]
	}
	environment = append(environment, more...)
	out := &stack{web: "http://" + ports[0], grpc: ports[2], admin: "http://" + ports[3], pids: map[string]int{}}
	for _, program := range programs {
		if err := p.start(p.binary(program.name), nil, environment, "http://"+program.admin+"/readyz"); err != nil {
			return nil, err
		}
		out.pids[program.name] = p.running[len(p.running)-1].Process.Pid
	}
	return out, nil
}

// startBaseline starts what such projects run today, with two workers.
func (p *processes) startBaseline(database string) (*stack, error) {
	ports, err := freePorts(1)
	if err != nil {
		return nil, err
	}
	_, port, err := net.SplitHostPort(ports[0])
	if err != nil {
		return nil, fmt.Errorf("find a free port: %w", err)
	}
	python := filepath.Join(p.root, ".cache/venv/bin/python")
	code := filepath.Join(p.root, "scripts/bench")
	environment := []string{
		"BASELINE_DATABASE_URL=" + strings.Replace(database, "postgres://", "postgresql+psycopg://", 1), "PYTHONPATH=" + code,
	}
	tables := exec.Command(python, filepath.Join(code, "baseline.py"))
	tables.Env = append(os.Environ(), environment...)
	if out, err := tables.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("prepare the baseline (`make bench` installs what it needs): %w: %s", err, out)
	}
	arguments := []string{"-m", "uvicorn", "baseline:app", "--workers", "2", "--port", port, "--log-level", "error", "--no-access-log"}
	if err := p.start(python, arguments, environment, "http://"+ports[0]+"/healthz"); err != nil {
		return nil, err
	}
	return &stack{web: "http://" + ports[0]}, nil
}

func (p *processes) binary(name string) string { return filepath.Join(p.root, "bin", name) }

// start starts a program and waits until it is ready.
func (p *processes) start(path string, arguments, environment []string, ready string) error {
	command := exec.Command(path, arguments...)
	command.Env = append(os.Environ(), environment...)
	command.Dir = p.folder
	// The programs log as they do in production, to a file.
	log, err := os.OpenFile(filepath.Join(p.folder, filepath.Base(path)+".log"), os.O_CREATE|os.O_APPEND|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("start %s: %w", path, err)
	}
	defer log.Close()
	command.Stderr = log
	if err := command.Start(); err != nil {
		return fmt.Errorf("start %s: %w", path, err)
	}
	p.running = append(p.running, command)
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		answer, err := http.Get(ready)
		if err != nil {
			continue
		}
		_ = answer.Body.Close()
		if answer.StatusCode == http.StatusOK {
			return nil
		}
	}
	lines, _ := os.ReadFile(log.Name())
	return fmt.Errorf("%s was not ready in time: %s", path, lines)
}

func (p *processes) stop() {
	for _, command := range slices.Backward(p.running) {
		_ = command.Process.Signal(syscall.SIGTERM)
		_ = command.Wait()
	}
}

func freePorts(count int) ([]string, error) {
	var ports []string
	for range count {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, fmt.Errorf("find a free port: %w", err)
		}
		defer listener.Close() // all at the end, so that none is given twice
		ports = append(ports, listener.Addr().String())
	}
	return ports, nil
}
