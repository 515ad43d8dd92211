package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"time"
)

// result is what one measurement gave.
type result struct {
	rate     float64 // rows a second
	p50, p99 time.Duration
}

// load calls from all callers, each at once again when it is answered.
func load(ctx context.Context, c aCase) (result, error) {
	var (
		mu     sync.Mutex
		times  []time.Duration
		failed error
		all    sync.WaitGroup
	)
	begin := time.Now().Add(warmup)
	end := begin.Add(measure)
	for range c.callers {
		all.Go(func() {
			var own []time.Duration
			var err error
			for now := time.Now(); now.Before(end) && err == nil; now = time.Now() {
				err = c.call(ctx)
				if now.After(begin) {
					own = append(own, time.Since(now))
				}
			}
			mu.Lock()
			defer mu.Unlock()
			times = append(times, own...)
			failed = errors.Join(failed, err)
		})
	}
	all.Wait()
	if failed != nil {
		return result{}, failed
	}
	elapsed := time.Since(begin)
	if len(times) == 0 {
		return result{}, errors.New("nothing was answered in time")
	}
	slices.Sort(times)
	return result{
		rate: float64(len(times)*c.rows) / elapsed.Seconds(),
		p50:  times[len(times)/2],
		p99:  times[len(times)*99/100],
	}, nil
}

var benchmarkLine = regexp.MustCompile(`BenchmarkScore/rows=(\d+)\S*\s+\d+\s+([\d.]+) ns/op`)

// engineFigures runs the engine's own benchmark: rows a second of a bare call, by
// rows in a call.
func engineFigures(ctx context.Context, root string) (map[int]float64, error) {
	command := exec.CommandContext(ctx, "go", "test", "-run", "^$", "-bench", "BenchmarkScore", "-count", strconv.Itoa(rounds),
		"./services/inference/internal/engine/ort")
	command.Dir = root
	command.Env = append(command.Environ(), "GOWORK="+root+"/go.work")
	out, err := command.CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("measure the engine: %w: %s", err, out)
	}
	figures := map[int][]float64{}
	for _, match := range benchmarkLine.FindAllStringSubmatch(string(out), -1) {
		rows, errRows := strconv.Atoi(match[1])
		nanoseconds, errTime := strconv.ParseFloat(match[2], 64)
		if err := errors.Join(errRows, errTime); err != nil {
			return nil, fmt.Errorf("read %q: %w", match[0], err)
		}
		figures[rows] = append(figures[rows], float64(rows)*1e9/nanoseconds)
	}
	medians := map[int]float64{}
	for rows, rates := range figures {
		medians[rows] = median(rates)
	}
	return medians, nil
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}
