// Package lifecycle starts the servers of a process together and stops them in
// order: the first that ends, or a signal, ends all.
package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/futurisys/futurisys/services/platform/guarded"

	"github.com/oklog/run"
	"google.golang.org/grpc"
)

// How long calls under way are waited for at the end. With what closes after them a
// process ends within the 30 s that Kubernetes and Compose give it.
const (
	// DrainTimeout is for the calls of callers.
	DrainTimeout = 15 * time.Second
	// adminDrainTimeout is for an operator's look.
	adminDrainTimeout = time.Second
)

// readHeaderTimeout keeps a slow sender of headers from holding a connection.
const (
	readHeaderTimeout = 10 * time.Second
	// idleTimeout is how long a connection may wait for its next request.
	idleTimeout = 2 * time.Minute
	// maxHeaderBytes is how large the headers of a request may be.
	maxHeaderBytes = 16 << 10
)

// Group is what one process runs. Members stop in the order they were added.
type Group struct {
	members run.Group
	log     *slog.Logger
	began   atomic.Pointer[time.Time] // the stop
}

// New returns an empty group. From now on the process keeps within the memory that it has.
func New(log *slog.Logger) *Group {
	limitMemory(log)
	g := &Group{log: log}
	g.AddLoop(giveBack)
	return g
}

// AddSignals ends the group on SIGINT and SIGTERM; a second one ends the process at once.
// before runs first, so that a process says that it is not ready, and delay passes before
// anything stops, for balancers to hear that. Signals are listened for from now on, not when
// the group runs: a member may serve a moment before that, and a signal would cut what it
// serves. SIGHUP, which a closed terminal sends, is ignored.
func (g *Group) AddSignals(delay time.Duration, before func()) {
	signal.Ignore(syscall.SIGHUP)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	ended := make(chan struct{})
	g.members.Add(func() error {
		<-ctx.Done()
		stop()
		g.began.Store(new(time.Now()))
		g.log.Info("stopping", "delay", delay)
		before()
		select {
		case <-time.After(delay):
		case <-ended:
		}
		return run.ErrSignal
	}, func(error) {
		close(ended)
		before()
		stop()
	})
}

// AddGRPC serves a gRPC server and drains it at the end. endStreams tells streams that would
// go on.
func (g *Group) AddGRPC(server *grpc.Server, listener net.Listener, endStreams func()) {
	g.members.Add(func() error {
		if err := server.Serve(listener); err != nil {
			return fmt.Errorf("serve gRPC: %w", err)
		}
		return nil
	}, func(error) {
		timer := time.AfterFunc(DrainTimeout, func() {
			g.log.Warn("calls are cut off that took too long to end")
			server.Stop()
		})
		defer timer.Stop()
		endStreams()
		server.GracefulStop()
	})
}

// AddHTTP serves an HTTP handler and drains it at the end.
func (g *Group) AddHTTP(handler http.Handler, listener net.Listener) {
	g.addHTTP(handler, listener, DrainTimeout)
}

// AddAdmin serves what operators look at.
func (g *Group) AddAdmin(handler http.Handler, listener net.Listener) {
	g.addHTTP(handler, listener, adminDrainTimeout)
}

func (g *Group) addHTTP(handler http.Handler, listener net.Listener, drain time.Duration) {
	server := &http.Server{
		Handler: occupying(handler), ReadHeaderTimeout: readHeaderTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderBytes,
		ErrorLog: slog.NewLogLogger(g.log.Handler(), slog.LevelInfo), // what a peer does wrong with its connection
	}
	g.members.Add(func() error {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serve HTTP: %w", err)
		}
		return nil
	}, func(error) {
		ctx, cancel := context.WithTimeout(context.Background(), drain)
		defer cancel()
		if err := server.Shutdown(ctx); err != nil {
			g.log.Warn("requests are cut off that took too long to end")
			_ = server.Close()
		}
	})
}

// AddLoop runs a loop until the group ends. A panic in it ends the group.
func (g *Group) AddLoop(loop func(ctx context.Context)) {
	ctx, cancel := context.WithCancel(context.Background())
	g.members.Add(func() error {
		return guarded.Call(func() error { //nolint:wrapcheck // it says all there is to say
			loop(ctx)
			return nil
		})
	}, func(error) { cancel() })
}

// Run runs all members until the first ends. A signal is a clean end.
func (g *Group) Run() error {
	err := g.members.Run()
	if errors.Is(err, run.ErrSignal) {
		g.log.Info("stopped", "duration", time.Since(*g.began.Load()))
		return nil
	}
	if err != nil {
		return fmt.Errorf("stopped: %w", err)
	}
	return nil
}

// Close closes something at the end of a process, where nobody is left to return an error to.
func Close(log *slog.Logger, what string, closer func() error) {
	if err := closer(); err != nil {
		log.Error("close failed", "what", what, "error", err)
	}
}
