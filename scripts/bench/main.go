// Command bench measures the three programs beside a Go HTTP no-op, a bare gRPC
// echo and a bare call of the engine, all in one run on one machine, and prints
// the medians of three interleaved rounds and their ratios. See docs/performance.md.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	"github.com/futurisys/futurisys/services/platform/pgtest"
)

// How long each figure is measured, and how often.
const (
	rounds  = 3
	warmup  = 300 * time.Millisecond
	measure = 1500 * time.Millisecond
)

// batchRows is the size of the measured batches.
const batchRows = 1000

func main() {
	if len(os.Args) == 2 && os.Args[1] == "echo" {
		if err := serveEcho(); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
		return
	}
	measured := run
	if len(os.Args) == 2 && os.Args[1] == "cost" {
		measured = costs
	}
	if err := measured(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) (err error) {
	root, err := filepath.Abs("../..")
	if err != nil {
		return fmt.Errorf("find the repository: %w", err)
	}
	scratch, err := os.MkdirTemp("", "bench-")
	if err != nil {
		return fmt.Errorf("make a scratch folder: %w", err)
	}
	defer os.RemoveAll(scratch)
	postgres, err := pgtest.Start() //nolint:contextcheck // it has its own bound
	if err != nil {
		return err //nolint:wrapcheck // it says what is missing
	}
	defer func() { err = errors.Join(err, postgres.Stop()) }()

	group := &processes{root: root, folder: scratch}
	defer group.stop()
	echo, err := group.startEcho()
	if err != nil {
		return err
	}
	stacks := map[string]*stack{}
	for name, database := range map[string]string{"off": "", "SQLite": "sqlite:" + filepath.Join(scratch, "bench.db"), "PostgreSQL": postgres.URL} {
		if stacks[name], err = group.startStack(database); err != nil {
			return err
		}
	}
	if stacks["baseline"], err = group.startBaseline(postgres.URL); err != nil {
		return err
	}
	cases, err := makeCases(ctx, echo, stacks)
	if err != nil {
		return err
	}
	only, err := regexp.Compile(os.Getenv("BENCH_ONLY"))
	if err != nil {
		return fmt.Errorf("BENCH_ONLY: %w", err)
	}
	cases = slices.DeleteFunc(cases, func(c aCase) bool { return !only.MatchString(key(c.name, c.callers)) })
	table, err := measureAll(ctx, cases)
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stderr, "the bare engine...")
	engine, err := engineFigures(ctx, root)
	if err != nil {
		return err
	}
	table.print(os.Stdout, engine)
	if err := printCommits(ctx, os.Stdout, stacks); err != nil {
		return err
	}
	return printNeighbours(ctx, os.Stdout, stacks)
}

// measureAll measures all cases in each round, so that what else the machine does falls on
// all alike.
func measureAll(ctx context.Context, cases []aCase) (*table, error) {
	table := newTable(cases)
	for round := range rounds {
		fmt.Fprintf(os.Stderr, "round %d of %d...\n", round+1, rounds)
		for _, c := range cases {
			result, err := load(ctx, c)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", c.name, err)
			}
			table.add(c, result)
		}
	}
	return table, nil
}
