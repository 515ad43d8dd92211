package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
)

// How many predictions the cost is measured over, by how many callers.
const (
	costCalls   = 20_000
	costCallers = 8
)

// costs prints what one single prediction takes of the processor, in each program and in all,
// without and with authentication and encryption, side by side.
func costs(ctx context.Context) (err error) {
	root, err := filepath.Abs("../..")
	if err != nil {
		return fmt.Errorf("find the repository: %w", err)
	}
	scratch, err := os.MkdirTemp("", "cost-")
	if err != nil {
		return fmt.Errorf("make a scratch folder: %w", err)
	}
	defer os.RemoveAll(scratch)
	group := &processes{root: root, folder: scratch}
	defer group.stop()
	off, err := group.startStack("sqlite:" + filepath.Join(scratch, "off.db"))
	if err != nil {
		return err
	}
	secured, err := group.secure(ctx)
	if err != nil {
		return err
	}
	on, err := group.startStack("sqlite:"+filepath.Join(scratch, "on.db"), secured.settings...)
	if err != nil {
		return err
	}
	on.web = strings.Replace(on.web, "http://", "https://", 1)
	sides := []*side{{name: "off", stack: off, client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: costCallers}}}, {
		name: "key and TLS", stack: on, key: secured.key,
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: costCallers, TLSClientConfig: secured.trust}},
	}}
	inference, err := connect(off.grpc)
	if err != nil {
		return err
	}
	defer inference.Close()
	_, row, err := example(ctx, inference)
	if err != nil {
		return err
	}
	body := []byte(`{"profile":` + string(row) + `}`)
	for range rounds {
		for _, s := range sides {
			if err := s.measure(ctx, body, costCalls/rounds); err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
		}
	}
	fmt.Printf("CPU microseconds of a single prediction over REST, recorded in SQLite: medians of %d rounds\n", rounds)
	for _, program := range []string{"gateway", "inference", "persistence", "all"} {
		before, after := median(sides[0].micros[program]), median(sides[1].micros[program])
		fmt.Printf("  %-12s %-4s %6.0f   %-12s %6.0f   %.2f\n", program, sides[0].name, before, sides[1].name, after, after/before)
	}
	return nil
}

// side is one of the stacks that are compared.
type side struct {
	name   string
	stack  *stack
	client *http.Client
	key    string
	micros map[string][]float64 // of a prediction, by program, a figure a round
}

// measure makes calls, and notes what each program took for one.
func (s *side) measure(ctx context.Context, body []byte, calls int) error {
	before, err := s.stack.cpu()
	if err != nil {
		return err
	}
	var callers sync.WaitGroup
	failed := make(chan error, costCallers)
	for range costCallers {
		callers.Go(func() {
			for range calls / costCallers {
				if err := s.predict(ctx, body); err != nil {
					failed <- err
					return
				}
			}
		})
	}
	callers.Wait()
	close(failed)
	if err := <-failed; err != nil {
		return err
	}
	after, err := s.stack.cpu()
	if err != nil {
		return err
	}
	if s.micros == nil {
		s.micros = map[string][]float64{}
	}
	all := 0.0
	for program, ticks := range after {
		const microsPerTick = 10_000 // of Linux
		one := (ticks - before[program]) * microsPerTick / float64(calls/costCallers*costCallers)
		s.micros[program] = append(s.micros[program], one)
		all += one
	}
	s.micros["all"] = append(s.micros["all"], all)
	return nil
}

func (s *side) predict(ctx context.Context, body []byte) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.stack.web+"/v1/models/attrition:predict", bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("predict: %w", err)
	}
	request.Header.Set("Content-Type", "application/json")
	if s.key != "" {
		request.Header.Set("Authorization", "Bearer "+s.key)
	}
	answer, err := s.client.Do(request)
	if err != nil {
		return fmt.Errorf("predict: %w", err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		return fmt.Errorf("predict: %s: %s (%w)", answer.Status, text, err)
	}
	return nil
}

// cpu is what the programs have taken of the processor, user and system, in ticks.
func (s *stack) cpu() (map[string]float64, error) {
	out := map[string]float64{}
	for program, pid := range s.pids {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			return nil, fmt.Errorf("read what %s took: %w", program, err)
		}
		// After the name, which may hold anything, field 3 comes first.
		fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		const user, system = 14 - 3, 15 - 3
		for _, field := range []int{user, system} {
			ticks, err := strconv.ParseFloat(fields[field], 64)
			if err != nil {
				return nil, fmt.Errorf("read what %s took: %w", program, err)
			}
			out[program] += ticks
		}
	}
	return out, nil
}

// secured is what a stack needs to know its callers and to encrypt.
type secured struct {
	settings []string
	key      string
	trust    *tls.Config
}

func (p *processes) secure(ctx context.Context) (*secured, error) {
	folder := filepath.Join(p.folder, "access")
	if out, err := exec.CommandContext(ctx, p.binary("dev"), "certs", folder).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("make certificates: %w: %s", err, out)
	}
	signers, err := os.ReadFile(filepath.Join(folder, "ca.pem"))
	if err != nil {
		return nil, fmt.Errorf("read the certificates: %w", err)
	}
	trust := &tls.Config{RootCAs: x509.NewCertPool(), MinVersion: tls.VersionTLS12}
	trust.RootCAs.AppendCertsFromPEM(signers)
	keysFile, serviceFile := filepath.Join(folder, "keys.json"), filepath.Join(folder, "service.key")
	newKey := func(role string) (string, error) {
		create := exec.CommandContext(ctx, p.binary("persistence"), "keys", "create", "--name", role, "--role", role, "--owner", "futurisys")
		create.Env = append(os.Environ(), "KEYS_FILE="+keysFile)
		create.Dir = folder
		out, err := create.Output()
		return strings.TrimSpace(string(out)), err
	}
	service, serviceErr := newKey("service")
	key, keyErr := newKey("scorer")
	const owner = 0o600
	if err := errors.Join(serviceErr, keyErr, os.WriteFile(serviceFile, []byte(service), owner)); err != nil {
		return nil, fmt.Errorf("make keys: %w", err)
	}
	certificate, private := filepath.Join(folder, "gateway.pem"), filepath.Join(folder, "gateway-key.pem")
	return &secured{key: key, trust: trust, settings: []string{
		"AUTH=on", "KEYS_FILE=" + keysFile, "SERVICE_KEY_FILE=" + serviceFile,
		"TLS_CERT_FILE=" + certificate, "TLS_KEY_FILE=" + private, "TLS_CA_FILE=" + filepath.Join(folder, "ca.pem"),
		"SIGNING_KEY_FILE=" + filepath.Join(folder, "signing-key.pem"), "TRUSTED_KEYS_FILE=" + filepath.Join(folder, "signing.pem"),
		"GATEWAY_TLS_CERT_FILE=" + certificate, "GATEWAY_TLS_KEY_FILE=" + private,
	}}, nil
}
