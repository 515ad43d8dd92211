package main

import (
	"fmt"
	"io"
	"runtime"
	"text/tabwriter"
	"time"
)

// table gathers the rounds of each case.
type table struct {
	cases   []aCase
	results map[string][]result
}

func newTable(cases []aCase) *table { return &table{cases: cases, results: map[string][]result{}} }

func key(name string, callers int) string { return fmt.Sprintf("%s/%d", name, callers) }

func (t *table) add(c aCase, r result) {
	t.results[key(c.name, c.callers)] = append(t.results[key(c.name, c.callers)], r)
}

// rate is the median of the rounds, rows a second.
func (t *table) rate(name string, callers int) float64 {
	rates := make([]float64, 0, rounds)
	for _, r := range t.results[key(name, callers)] {
		rates = append(rates, r.rate)
	}
	if len(rates) == 0 {
		return 0 // left out by BENCH_ONLY
	}
	return median(rates)
}

// latency is the median of the rounds of one percentile.
func (t *table) latency(c aCase, of func(result) time.Duration) string {
	times := make([]float64, 0, rounds)
	for _, r := range t.results[key(c.name, c.callers)] {
		times = append(times, float64(of(r)))
	}
	return time.Duration(median(times)).Round(time.Microsecond).String()
}

// print writes the table; engine is rows a second of the bare engine by rows in a
// call.
func (t *table) print(out io.Writer, engine map[int]float64) {
	fmt.Fprintf(out, "%d rounds, median; %s a figure; %s, %d CPUs, load generator included\n\n",
		rounds, measure, runtime.Version(), runtime.NumCPU())
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "what\tcallers\trows/s\tp50\tp99\tratio\tof")
	for _, c := range t.cases {
		ratio, beside := "", c.beside
		if base := t.rate(beside, c.callers); beside != "" && base > 0 {
			ratio = fmt.Sprintf("%.2f", t.rate(c.name, c.callers)/base)
		}
		fmt.Fprintf(w, "%s\t%d\t%.0f\t%s\t%s\t%s\t%s\n", c.name, c.callers, t.rate(c.name, c.callers),
			t.latency(c, func(r result) time.Duration { return r.p50 }), t.latency(c, func(r result) time.Duration { return r.p99 }), ratio, beside)
	}
	for _, rows := range []int{1, batchRows} {
		fmt.Fprintf(w, "bare engine, %d rows a call\t1\t%.0f\t\t\t\t\n", rows, engine[rows])
	}
	ratio := t.rate("gRPC batch of 1,000, off", 1) / engine[batchRows]
	fmt.Fprintf(w, "gRPC batch of 1,000, off\t1\t\t\t\t%.2f\tbare engine, 1000 rows a call\n", ratio)
	_ = w.Flush()
}
