package lifecycle

import (
	"context"
	"log/slog"
	"math"
	"runtime/debug"
	"runtime/metrics"
	"time"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

// memoryRatio is how much of the memory that the process may have Go uses before it collects
// harder: the rest is ONNX Runtime's, and of what is not on the heap.
const memoryRatio = 0.8

// limitMemory keeps the process within its cgroup's memory, unless GOMEMLIMIT says how much
// it may have.
func limitMemory(log *slog.Logger) {
	if _, err := memlimit.Set(memlimit.WithRatio(memoryRatio), memlimit.WithLogger(slog.New(slog.DiscardHandler))); err != nil {
		log.Warn("the memory limit of the cgroup was not found", "error", err)
	}
}

// LimitMemory lets Go try to keep within so many bytes, where neither the operator nor the
// cgroup says how much there is.
func LimitMemory(bytes int64) {
	if debug.SetMemoryLimit(-1) == math.MaxInt64 {
		debug.SetMemoryLimit(bytes)
	}
}

const (
	// giveBackInterval is how often it is looked whether memory can be given back.
	giveBackInterval = 20 * time.Second
	// giveBackFrom is how large the heap has to be.
	giveBackFrom = 32 << 20
	// busyCycles is how often a process collects meanwhile that is at work: it gives back by
	// itself what it does not need.
	busyCycles = 3
)

// giveBack gives memory back to the system that a large request has left behind. By itself
// Go collects when as much again was made, or after two minutes, and then takes its time.
func giveBack(ctx context.Context) {
	samples := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/heap/free:bytes"}, {Name: "/gc/cycles/total:gc-cycles"}}
	for before := uint64(0); ; {
		select {
		case <-time.After(giveBackInterval):
		case <-ctx.Done():
			return
		}
		metrics.Read(samples)
		held, cycles := samples[0].Value.Uint64()+samples[1].Value.Uint64(), samples[2].Value.Uint64()
		if held > giveBackFrom && cycles < before+busyCycles {
			debug.FreeOSMemory()
			cycles++
		}
		before = cycles
	}
}
