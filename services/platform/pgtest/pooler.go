package pgtest

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// Pooler is a pgbouncer before a server, in transaction mode.
type Pooler struct {
	folder  string
	process *exec.Cmd
	exited  chan error
	server  *Server
	port    int
}

// StartPooler starts a pooler before the server, with fewer sessions than callers have
// connections. Stop it at the end.
func (s *Server) StartPooler() (*Pooler, error) {
	program, err := findPooler()
	if err != nil {
		return nil, err
	}
	behind, err := url.Parse(s.URL)
	if err != nil {
		return nil, fmt.Errorf("TEST_DATABASE_URL: %w", err)
	}
	p := &Pooler{server: s, exited: make(chan error, 1)}
	if p.folder, err = os.MkdirTemp("", "pooler-"); err != nil {
		return nil, fmt.Errorf("make a folder for pgbouncer: %w", err)
	}
	credential, err := dropRoot(p.folder)
	if err == nil {
		p.port, err = freePort()
	}
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(p.folder))
	}
	password, _ := behind.User.Password()
	users := filepath.Join(p.folder, "users.txt")
	if err := os.WriteFile(users, fmt.Appendf(nil, "%q %q\n", behind.User.Username(), password), 0o644); err != nil {
		return nil, errors.Join(fmt.Errorf("write pgbouncer's users: %w", err), os.RemoveAll(p.folder))
	}
	settings := fmt.Sprintf(`[databases]
* = host=%s port=%s
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %d
unix_socket_dir =
auth_type = trust
auth_file = %s
pool_mode = transaction
default_pool_size = 3
ignore_startup_parameters = extra_float_digits
`, behind.Hostname(), behind.Port(), p.port, users)
	path := filepath.Join(p.folder, "pgbouncer.ini")
	if err := os.WriteFile(path, []byte(settings), 0o644); err != nil {
		return nil, errors.Join(fmt.Errorf("write pgbouncer's settings: %w", err), os.RemoveAll(p.folder))
	}
	p.process = exec.Command(program, "-q", path)
	prepare(p.process, p.folder, credential)
	if err := p.process.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("start pgbouncer: %w", err), os.RemoveAll(p.folder))
	}
	go func() { p.exited <- p.process.Wait() }()
	if err := p.await(); err != nil {
		return nil, errors.Join(err, p.Stop())
	}
	return p, nil
}

func (p *Pooler) await() error {
	for deadline := time.Now().Add(startTimeout); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		connection, err := net.Dial("tcp", "127.0.0.1:"+strconv.Itoa(p.port))
		if err == nil {
			return connection.Close() //nolint:wrapcheck // it was only tried
		}
		select {
		case err := <-p.exited:
			p.exited <- err
			return fmt.Errorf("pgbouncer ended at its start: %w", err)
		default:
		}
	}
	return errors.New("pgbouncer did not answer in time")
}

// Database returns the URL of a database of the server, through the pooler.
func (p *Pooler) Database(name string) (string, error) {
	behind, err := p.server.Database(name)
	if err != nil {
		return "", err
	}
	through, err := url.Parse(behind)
	if err != nil {
		return "", fmt.Errorf("TEST_DATABASE_URL: %w", err)
	}
	through.Host = "127.0.0.1:" + strconv.Itoa(p.port)
	return through.String(), nil
}

// Stop ends the pooler.
func (p *Pooler) Stop() error {
	if err := p.process.Process.Signal(syscall.SIGTERM); err == nil {
		<-p.exited
	}
	if err := os.RemoveAll(p.folder); err != nil {
		return fmt.Errorf("remove pgbouncer's folder: %w", err)
	}
	return nil
}

func findPooler() (string, error) {
	for _, place := range []string{"pgbouncer", "/usr/sbin/pgbouncer", "/opt/homebrew/bin/pgbouncer"} {
		if path, err := exec.LookPath(place); err == nil {
			return path, nil
		}
	}
	return "", errors.New("no pgbouncer found: apt-get install pgbouncer, or brew install pgbouncer")
}
