// Command dev runs the three processes on this machine as `make run` does: it
// starts them in the order of their needs, puts the held-out employees into an
// empty database, says where to look, and stops all when one ends or on Ctrl-C.
//
// It stands in for process-compose and its like, which a Go module proxy alone
// cannot give.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

// readyTimeout bounds how long one process may take until it is ready.
const readyTimeout = time.Minute

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx)
	if ctx.Err() != nil {
		err = nil // whatever failed did so because we were asked to stop
	}
	stop()
	if err != nil {
		sayf("%s", err)
		os.Exit(1)
	}
}

// service is one of the processes and where it says that it is ready.
type service struct {
	name  string
	ready string // URL
}

func run(ctx context.Context) error {
	root, err := os.Getwd()
	if err != nil {
		return fmt.Errorf("find the repository: %w", err)
	}
	web := "http://" + address("GATEWAY_HTTP_ADDR", "127.0.0.1:8080")
	services := []service{
		{"persistence", "http://" + address("PERSISTENCE_ADMIN_ADDR", "127.0.0.1:9092") + "/readyz"},
		{"inference", "http://" + address("INFERENCE_ADMIN_ADDR", "127.0.0.1:9091") + "/readyz"},
		{"gateway", web + "/readyz"},
	}
	group := newGroup(os.Stdout)
	defer group.stop()
	for _, s := range services {
		if err := group.start(s.name, filepath.Join(root, "bin", s.name)); err != nil {
			return err
		}
		if err := group.await(ctx, s, readyTimeout); err != nil {
			return err
		}
	}
	if err := importHeldOut(ctx, web, filepath.Join(root, "scripts/training/data/X_test.csv")); err != nil {
		return err
	}
	sayf("ready: %s is the dashboard, %s/docs/ the API; Ctrl-C stops all", web, web)
	return group.wait(ctx)
}

func address(key, standard string) string {
	if value := os.Getenv(key); value != "" {
		return value
	}
	return standard
}

func sayf(format string, args ...any) {
	fmt.Fprintf(os.Stdout, "%-11s | %s\n", "dev", fmt.Sprintf(format, args...))
}
