package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"sync"
	"syscall"
	"time"
)

// stopTimeout bounds how long a process may take to stop before it is killed.
const stopTimeout = 15 * time.Second

// group is the processes that run, in the order they were started.
type group struct {
	out     io.Writer
	lines   sync.Mutex // one line at a time
	members []*member
	ended   chan *member
	// environment is what the processes get besides ours, and own what one gets by its name.
	environment []string
	own         map[string][]string
}

// member is one process.
type member struct {
	name    string
	path    string
	args    []string
	started time.Time
	command *exec.Cmd
	done    chan struct{}
	err     error // how it ended; read after done
}

func newGroup(out io.Writer, environment ...string) *group {
	const maxMembers = 16
	return &group{out: out, ended: make(chan *member, maxMembers), environment: environment}
}

// start starts a process; its lines are printed with its name before them.
func (g *group) start(name, path string, args ...string) error {
	m := &member{name: name, path: path, args: args, started: time.Now(), command: exec.Command(path, args...), done: make(chan struct{})}
	m.command.Env = slices.Concat(os.Environ(), g.environment, g.own[name])
	// A group of its own: Ctrl-C reaches only us, and we stop all in order.
	m.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	reader, writer := io.Pipe()
	m.command.Stdout, m.command.Stderr = writer, writer
	if err := m.command.Start(); err != nil {
		return fmt.Errorf("start %s: %w", name, err)
	}
	g.members = append(g.members, m)
	var printed sync.WaitGroup
	printed.Go(func() { g.print(name, reader) })
	go func() {
		m.err = m.command.Wait()
		_ = writer.Close()
		printed.Wait()
		close(m.done)
		g.ended <- m
	}()
	return nil
}

func (g *group) print(name string, lines io.Reader) {
	reader := bufio.NewReader(lines)
	for {
		line, err := reader.ReadString('\n')
		if line != "" {
			g.lines.Lock()
			fmt.Fprintf(g.out, "%-11s | %s", name, line)
			if err != nil {
				fmt.Fprintln(g.out)
			}
			g.lines.Unlock()
		}
		if err != nil {
			return
		}
	}
}

// await waits until a process says that it is ready.
func (g *group) await(ctx context.Context, s service, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for {
		if isReady(ctx, s.ready) {
			return nil
		}
		select {
		case m := <-g.ended:
			return m.failure()
		case <-ctx.Done():
			return fmt.Errorf("%s was not ready in %s", s.name, limit)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func isReady(ctx context.Context, url string) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	defer response.Body.Close()
	return response.StatusCode == http.StatusOK
}

// How long to wait before a process that ended is started again: it grows while it ends
// soon after its start.
const (
	firstPause  = 500 * time.Millisecond
	lastPause   = 10 * time.Second
	soonAfter   = 30 * time.Second
	pauseFactor = 2
)

// keep starts again each process that ends, until we are asked to stop.
func (g *group) keep(ctx context.Context) error {
	pauses := map[string]time.Duration{}
	for {
		select {
		case <-ctx.Done():
			sayf("stopping")
			return nil
		case m := <-g.ended:
			pause := max(pauses[m.name], firstPause)
			if time.Since(m.started) > soonAfter {
				pause = firstPause
			}
			pauses[m.name] = min(pause*pauseFactor, lastPause)
			sayf("%s: started again in %s", m.failure(), pause)
			select {
			case <-ctx.Done():
				continue
			case <-time.After(pause):
			}
			g.members = slices.DeleteFunc(g.members, func(other *member) bool { return other == m })
			if err := g.start(m.name, m.path, m.args...); err != nil {
				return err
			}
		}
	}
}

// once runs a process to its end.
func (g *group) once(ctx context.Context, name, path string, args ...string) error {
	if err := g.start(name, path, args...); err != nil {
		return err
	}
	select {
	case m := <-g.ended:
		g.members = slices.DeleteFunc(g.members, func(other *member) bool { return other == m })
		if m.err != nil {
			return m.failure()
		}
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (m *member) failure() error {
	if m.err == nil {
		return errors.New(m.name + " ended")
	}
	return fmt.Errorf("%s ended (%w)", m.name, m.err)
}

// stop ends the processes, the last started first, and kills what does not end.
func (g *group) stop() {
	for _, m := range slices.Backward(g.members) {
		_ = m.command.Process.Signal(syscall.SIGTERM) // it may have ended
		select {
		case <-m.done:
		case <-time.After(stopTimeout):
			sayf("%s did not stop in %s: killed", m.name, stopTimeout)
			_ = m.command.Process.Kill()
			<-m.done
		}
	}
}
