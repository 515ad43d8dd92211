package e2e

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"google.golang.org/protobuf/testing/protocmp"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// startTimeout bounds how long a program may take to start or to stop.
const startTimeout = 30 * time.Second

// stack is the three programs on free loopback ports.
type stack struct {
	t           *testing.T
	environment []string
	persistence *program
	inference   *program
	gateway     *program
	web         string // URL of the gateway
	grpc        string // address of inference
	memory      int64  // of each program; see options
	https       *tls.Config
	key         string // of calls of the gateway; "": none
}

// options say how a stack differs from the usual one.
type options struct {
	database    string // URL; empty: none, as in the demo
	environment []string
	memory      int64       // bytes that each program may have, where cgroups can be made; 0: all
	https       *tls.Config // of callers of the gateway; nil: they speak HTTP
}

// start starts a stack and waits until it is ready. It is stopped, and its exit
// codes are checked, when the test ends.
func start(t *testing.T, o options) *stack {
	t.Helper()
	ports := freePorts(t, 6)
	s := &stack{t: t, web: "http://" + ports[0], grpc: ports[2], memory: o.memory}
	s.environment = append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "ONNXRUNTIME_LIB=" + library, "LOG_LEVEL=info",
		"GATEWAY_HTTP_ADDR=" + ports[0], "GATEWAY_ADMIN_ADDR=" + ports[1],
		"INFERENCE_GRPC_ADDR=" + ports[2], "INFERENCE_ADMIN_ADDR=" + ports[3], "INFERENCE_TARGET=" + ports[2],
		"PERSISTENCE_GRPC_ADDR=" + ports[4], "PERSISTENCE_ADMIN_ADDR=" + ports[5], "PERSISTENCE_TARGET=" + ports[4],
		"DATABASE_URL=" + o.database, "MODEL_REPOSITORY=" + absolute(t, "deploy/models"),
		"MODEL_STATE_DIR=" + t.TempDir(), "OUTBOX_DIR=" + t.TempDir(),
	}, o.environment...)
	if o.database != "" {
		s.persistence = s.launch("persistence", "http://"+ports[5])
	}
	s.inference = s.launch("inference", "http://"+ports[3])
	s.gateway = s.launch("gateway", "http://"+ports[1])
	if o.https != nil {
		s.web, s.https = "https://"+ports[0], o.https
	}
	return s
}

// databases runs a test on each database, each with a stack of its own.
func databases(t *testing.T, test func(t *testing.T, s *stack)) {
	t.Helper()
	for name, url := range map[string]func(*testing.T) string{"sqlite": sqliteURL, "postgres": postgresURL} {
		t.Run(name, func(t *testing.T) { test(t, start(t, options{database: url(t)})) })
	}
}

func sqliteURL(t *testing.T) string {
	t.Helper()
	return "sqlite:" + filepath.Join(t.TempDir(), "e2e.db")
}

var databaseNumber atomic.Int32

func postgresURL(t *testing.T) string {
	t.Helper()
	name := fmt.Sprintf("e2e_%d_%d", os.Getpid(), databaseNumber.Add(1))
	ctx := context.Background() // also in a clean-up, when the test's is over
	execute := func(statement string) {
		connection, err := pgx.Connect(ctx, postgres.URL)
		if err != nil {
			t.Fatal(err)
		}
		defer connection.Close(ctx)
		if _, err := connection.Exec(ctx, statement); err != nil {
			t.Fatal(err)
		}
	}
	execute("CREATE DATABASE " + name)
	t.Cleanup(func() { execute("DROP DATABASE " + name + " WITH (FORCE)") })
	url, err := postgres.Database(name)
	if err != nil {
		t.Fatal(err)
	}
	return url
}

// program is one running program.
type program struct {
	s       *stack
	own     []string // environment besides the stack's
	name    string
	health  string // URL of /healthz and /readyz
	cgroup  string // "": none
	command *exec.Cmd
	log     *logBuffer
	ended   chan error
}

// logBuffer is what a program prints, read while it is written.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// setting is what the stack's environment says.
func (s *stack) setting(key string) string {
	for _, line := range slices.Backward(s.environment) {
		if value, is := strings.CutPrefix(line, key+"="); is {
			return value
		}
	}
	s.t.Fatalf("%s is not set", key)
	return ""
}

func (s *stack) launch(name, health string, own ...string) *program {
	s.t.Helper()
	p := &program{s: s, own: own, name: name, health: health}
	if s.memory > 0 {
		p.cgroup = memoryCgroup(s.t, name, s.memory)
	}
	p.start()
	s.t.Cleanup(func() {
		p.stop()
		if s.t.Failed() {
			s.t.Logf("log of %s:\n%s", name, p.log)
		}
	})
	return p
}

// start starts the program and waits until it is ready.
func (p *program) start() {
	p.s.t.Helper()
	p.begin()
	p.s.eventually(p.name+" is ready", func() bool {
		select {
		case err := <-p.ended:
			p.ended <- err
			p.s.t.Fatalf("%s ended at its start: %v\n%s", p.name, err, p.log)
		default:
		}
		return code(p.health+"/readyz") == http.StatusOK
	})
}

// begin starts the program.
func (p *program) begin() {
	p.s.t.Helper()
	p.command = exec.Command(filepath.Join(binaries, p.name))
	if p.cgroup != "" {
		p.command = inCgroup(p.cgroup, p.command.Path)
	}
	p.command.Env = slices.Concat(p.s.environment, p.own)
	p.command.Dir = p.s.t.TempDir()
	p.log = &logBuffer{}
	p.command.Stdout, p.command.Stderr = p.log, p.log
	if err := p.command.Start(); err != nil {
		p.s.t.Fatal(err)
	}
	p.ended = make(chan error, 1)
	go func(command *exec.Cmd, ended chan error) { ended <- command.Wait() }(p.command, p.ended)
}

// stop asks the program to end, and checks that it does so cleanly.
func (p *program) stop() {
	p.s.t.Helper()
	if p.command == nil {
		return
	}
	if err := p.command.Process.Signal(syscall.SIGTERM); err != nil {
		p.s.t.Errorf("stop %s: %v", p.name, err)
	}
	select {
	case err := <-p.ended:
		if err != nil {
			p.s.t.Errorf("%s ended with %v", p.name, err)
		}
	case <-time.After(startTimeout):
		p.s.t.Errorf("%s did not end", p.name)
		_ = p.command.Process.Kill()
		<-p.ended
	}
	p.command = nil
}

// kill ends the program as a crash does.
func (p *program) kill() {
	p.s.t.Helper()
	if err := p.command.Process.Kill(); err != nil {
		p.s.t.Errorf("kill %s: %v", p.name, err)
	}
	<-p.ended
	p.command = nil
}

// signal sends a signal that does not end it.
func (p *program) signal(what syscall.Signal) {
	p.s.t.Helper()
	if err := p.command.Process.Signal(what); err != nil {
		p.s.t.Errorf("signal %s: %v", p.name, err)
	}
}

// withoutPlace leaves out the place in the record, which an answer does not have yet.
func withoutPlace() cmp.Option {
	return protocmp.IgnoreFields(&futurisysv1.Prediction{}, "commit_sequence")
}

// eventually waits until something is so.
func (s *stack) eventually(what string, so func() bool) {
	s.t.Helper()
	for deadline := time.Now().Add(startTimeout); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if so() {
			return
		}
	}
	s.t.Fatalf("not in time: %s", what)
}

// code is the HTTP code of a GET, 0 when nobody answers.
func code(url string) int {
	response, err := http.Get(url)
	if err != nil {
		return 0
	}
	defer response.Body.Close()
	return response.StatusCode
}

func freePorts(t *testing.T, count int) []string {
	t.Helper()
	var ports []string
	for range count {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer listener.Close() // all at the end, so that none is given twice
		ports = append(ports, listener.Addr().String())
	}
	return ports
}

func absolute(t *testing.T, path string) string {
	t.Helper()
	full, err := filepath.Abs(filepath.Join(repository, path))
	if err != nil {
		t.Fatal(err)
	}
	return full
}
