package journal

import (
	"context"
	"maps"
	"slices"
	"time"
)

// Await waits for the other copies; see registry.Journal.
func (j *Journal) Await(ctx context.Context, model string, entries int) []string {
	ctx, cancel := context.WithTimeout(ctx, awaitTimeout)
	defer cancel()
	for {
		j.mu.Lock()
		applied := maps.Clone(j.applied)
		j.mu.Unlock()
		if applied == nil {
			applied = map[string]int32{}
		}
		applied[model] = max(applied[model], int32(entries)) // this copy has it
		j.sync(ctx, applied)
		lagging := j.lagging(model, entries)
		if len(lagging) == 0 {
			return nil
		}
		select {
		case <-time.After(awaitInterval):
		case <-ctx.Done():
			return lagging
		}
	}
}

func (j *Journal) lagging(model string, entries int) []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	var out []string
	for name, applied := range j.followers {
		if name != j.options.Copy && int(applied[model]) < entries {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}
