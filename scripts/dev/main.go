// Command dev runs the three processes on this machine as `make run` does: it
// starts those of the environment in the order of their needs, puts the held-out
// employees into an empty database, says where to look, starts again what ends by itself,
// and stops all on Ctrl-C.
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
	if len(os.Args) == 3 && os.Args[1] == "certs" { //nolint:mnd // and where to
		if err := makeCertificates(os.Args[2]); err != nil {
			sayf("%s", err)
			os.Exit(1)
		}
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	var err error
	if len(os.Args) == 5 && os.Args[1] == "provider" { //nolint:mnd // its address, the dashboard's and the folder
		err = serveProvider(ctx, os.Args[2], os.Args[3], os.Args[4])
	} else {
		err = run(ctx)
	}
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
	settings, err := readSettings(filepath.Join(root, ".env"))
	if err != nil {
		return err
	}
	library, err := settings.runtime(ctx, root)
	if err != nil {
		return err
	}
	group := newGroup(os.Stdout, "ONNXRUNTIME_LIB="+library)
	defer group.stop()
	key := ""
	if settings.secured() {
		if key, err = settings.secure(ctx, root, group); err != nil {
			return err
		}
	}
	web := settings.web()
	if settings.environment() == "prod" {
		// In prod the schema is not the business of whichever copy starts first.
		if err := group.once(ctx, "migrate", filepath.Join(root, "bin/persistence"), "migrate"); err != nil {
			return err
		}
	}
	for _, s := range services(settings) {
		if err := group.start(s.name, filepath.Join(root, "bin", s.name)); err != nil {
			return err
		}
		if err := group.await(ctx, s, readyTimeout); err != nil {
			return err
		}
	}
	if settings.environment() == "dev" {
		if err := (importer{web, key}).importHeldOut(ctx, filepath.Join(root, "scripts/training/data/X_test.csv")); err != nil {
			return err
		}
	}
	sayf("ready (%s): %s is the dashboard, %s/docs/ the API; Ctrl-C stops all", settings.environment(), web, web)
	return group.keep(ctx)
}

// services are those of the environment, in the order of their needs.
func services(settings settings) []service {
	all := []service{
		{"persistence", "http://" + settings.get("PERSISTENCE_ADMIN_ADDR", "127.0.0.1:9092") + "/readyz"},
		{"inference", "http://" + settings.get("INFERENCE_ADMIN_ADDR", "127.0.0.1:9091") + "/readyz"},
		{"gateway", "http://" + settings.get("GATEWAY_ADMIN_ADDR", "127.0.0.1:9090") + "/readyz"},
	}
	if settings.environment() == "demo" {
		return all[1:] // no database
	}
	return all
}

func sayf(format string, args ...any) {
	fmt.Fprintf(os.Stdout, "%-11s | %s\n", "dev", fmt.Sprintf(format, args...))
}
