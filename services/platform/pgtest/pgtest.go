// Package pgtest gives tests a real PostgreSQL: the server that
// TEST_DATABASE_URL names, or one of its own that it starts and stops.
package pgtest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// startTimeout bounds how long a server may take until it answers.
const startTimeout = 60 * time.Second

// Server is a PostgreSQL server for tests.
type Server struct {
	// URL connects to its maintenance database as a user who may create others.
	URL string

	folder     string
	binaries   string
	credential *syscall.Credential
	port       int
	process    *exec.Cmd // nil: it does not run
	exited     chan error
}

// Start returns the server of TEST_DATABASE_URL, or starts one with fresh data
// in a scratch folder on a free loopback port. As root it drops to the user
// postgres or nobody, because PostgreSQL refuses root. Stop it at the end.
func Start() (*Server, error) {
	if given := os.Getenv("TEST_DATABASE_URL"); given != "" {
		return &Server{URL: given}, nil
	}
	return StartOwn()
}

// StartOwn starts a server whatever TEST_DATABASE_URL says: one that may be killed.
func StartOwn() (*Server, error) {
	binaries, err := findBinaries()
	if err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp("", "pgtest-")
	if err != nil {
		return nil, fmt.Errorf("make a folder for PostgreSQL: %w", err)
	}
	server := &Server{folder: folder, binaries: binaries}
	if err = server.initialise(); err == nil {
		err = server.Restart()
	}
	if err != nil {
		return nil, errors.Join(err, server.Stop())
	}
	return server, nil
}

// Database returns the URL of another database of the server.
func (s *Server) Database(name string) (string, error) {
	parsed, err := url.Parse(s.URL)
	if err != nil {
		return "", fmt.Errorf("TEST_DATABASE_URL: %w", err)
	}
	parsed.Path = "/" + name
	return parsed.String(), nil
}

// Stop ends a server that Start began and removes its data.
func (s *Server) Stop() error {
	s.end(syscall.SIGQUIT)
	if s.folder == "" {
		return nil
	}
	if err := os.RemoveAll(s.folder); err != nil {
		return fmt.Errorf("remove PostgreSQL's data: %w", err)
	}
	return nil
}

// Kill ends the server as a crash does; Restart starts it again on its data.
func (s *Server) Kill() { s.end(syscall.SIGKILL) }

// Halt ends the server in good order; Restart starts it again on its data.
func (s *Server) Halt() { s.end(syscall.SIGINT) }

// Standby starts another server that follows this one, as a hot standby.
func (s *Server) Standby() (*Server, error) {
	folder, err := os.MkdirTemp("", "pgtest-")
	if err != nil {
		return nil, fmt.Errorf("make a folder for PostgreSQL: %w", err)
	}
	standby := &Server{folder: folder, binaries: s.binaries}
	if err = standby.follow(s.port); err == nil {
		err = standby.Restart()
	}
	if err != nil {
		return nil, errors.Join(err, standby.Stop())
	}
	return standby, nil
}

func (s *Server) follow(port int) error {
	if err := s.place(); err != nil {
		return err
	}
	return s.command("pg_basebackup", "--pgdata", s.data(), "--host", "127.0.0.1", "--port", strconv.Itoa(port),
		"--username", "postgres", "--write-recovery-conf", "--wal-method", "stream", "--checkpoint", "fast")
}

// Promote makes a standby take writes.
func (s *Server) Promote() error {
	return s.command("pg_ctl", "promote", "--wait", "--pgdata", s.data())
}

// command runs one of PostgreSQL's programs to its end.
func (s *Server) command(program string, arguments ...string) error {
	command := exec.Command(filepath.Join(s.binaries, program), arguments...)
	prepare(command, s.folder, s.credential)
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", program, err, out)
	}
	return nil
}

func (s *Server) end(signal syscall.Signal) {
	if s.process == nil {
		return
	}
	if err := s.process.Process.Signal(signal); err == nil {
		<-s.exited
	}
	s.process = nil
}

func (s *Server) initialise() error {
	if err := s.place(); err != nil {
		return err
	}
	return s.command("initdb", "--pgdata", s.data(), "--username", "postgres", "--auth", "trust", "--encoding", "UTF8", "--no-locale", "--no-sync")
}

// place finds who the server runs as, and where it answers.
func (s *Server) place() error {
	var err error
	if s.credential, err = dropRoot(s.folder); err != nil {
		return err
	}
	if s.port, err = freePort(); err != nil {
		return err
	}
	s.URL = fmt.Sprintf("postgres://postgres@127.0.0.1:%d/postgres?sslmode=disable", s.port)
	return nil
}

func (s *Server) data() string { return filepath.Join(s.folder, "data") }

// Restart starts a server that was ended. After a Kill its children may take a
// moment to notice, and the data is theirs until then.
func (s *Server) Restart() error {
	deadline := time.Now().Add(startTimeout)
	for {
		err := s.run()
		if err == nil || time.Now().After(deadline) {
			return err
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func (s *Server) run() error {
	log, err := os.Create(filepath.Join(s.folder, "server.log"))
	if err != nil {
		return fmt.Errorf("make PostgreSQL's log: %w", err)
	}
	defer log.Close()
	// Durability stays on: what is tested is what runs.
	process := exec.Command(filepath.Join(s.binaries, "postgres"),
		"-D", s.data(), "-p", strconv.Itoa(s.port), "-c", "listen_addresses=127.0.0.1",
		"-c", "unix_socket_directories=", "-c", "max_connections=200")
	prepare(process, s.folder, s.credential)
	process.Stdout, process.Stderr = log, log
	if err := process.Start(); err != nil {
		return fmt.Errorf("start postgres: %w", err)
	}
	s.process, s.exited = process, make(chan error, 1)
	go func(exited chan error) { exited <- process.Wait() }(s.exited)
	if err := s.await(); err != nil {
		s.end(syscall.SIGQUIT)
		return err
	}
	return nil
}

func (s *Server) await() error {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	for {
		probe := exec.CommandContext(ctx, filepath.Join(s.binaries, "pg_isready"), "-q", "-h", "127.0.0.1", "-p", strconv.Itoa(s.port))
		if probe.Run() == nil {
			return nil
		}
		select {
		case err := <-s.exited:
			s.exited <- err
			log, _ := os.ReadFile(filepath.Join(s.folder, "server.log"))
			return fmt.Errorf("postgres ended at its start: %w: %s", err, log)
		case <-ctx.Done():
			return errors.New("postgres did not answer in time")
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// findBinaries returns the folder of the server's programs, the newest version
// of several.
func findBinaries() (string, error) {
	places, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	slices.SortFunc(places, func(a, b string) int { return version(b) - version(a) })
	if path, err := exec.LookPath("initdb"); err == nil {
		places = append(places, filepath.Dir(path))
	}
	brew, _ := filepath.Glob("/opt/homebrew/opt/postgresql@*/bin")
	places = append(places, brew...)
	for _, place := range places {
		if _, err := os.Stat(filepath.Join(place, "initdb")); err == nil {
			return place, nil
		}
	}
	hint := "apt-get install postgresql"
	if runtime.GOOS == "darwin" {
		hint = "brew install postgresql@15"
	}
	return "", fmt.Errorf("no PostgreSQL server found: %s, or set TEST_DATABASE_URL", hint)
}

// version is the number in /usr/lib/postgresql/NUMBER/bin.
func version(place string) int {
	number, err := strconv.Atoi(filepath.Base(filepath.Dir(place)))
	if err != nil {
		return 0
	}
	return number
}

// dropRoot gives the folder to a user that PostgreSQL accepts, when we are root.
func dropRoot(folder string) (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil //nolint:nilnil // nothing to drop
	}
	for _, name := range []string{"postgres", "nobody"} {
		account, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, errUID := strconv.ParseUint(account.Uid, 10, 32)
		gid, errGID := strconv.ParseUint(account.Gid, 10, 32)
		if err := errors.Join(errUID, errGID); err != nil {
			return nil, fmt.Errorf("read the ids of user %s: %w", name, err)
		}
		if err := os.Chown(folder, int(uid), int(gid)); err != nil {
			return nil, fmt.Errorf("give PostgreSQL its folder: %w", err)
		}
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
	}
	return nil, errors.New("PostgreSQL refuses root, and there is neither a user postgres nor nobody")
}

func prepare(command *exec.Cmd, folder string, credential *syscall.Credential) {
	command.Dir = folder
	command.Env = append(os.Environ(), "LC_ALL=C", "TZ=UTC")
	command.SysProcAttr = &syscall.SysProcAttr{Credential: credential, Setpgid: true}
}

func freePort() (int, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	defer listener.Close()
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	return strconv.Atoi(strings.TrimSpace(port))
}
