package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
)

var batchFigure = regexp.MustCompile(`(?m)^futurisys_recording_batch_rows_(sum|count) (\S+)$`)

// printCommits says how many rows a commit had, over the whole run, as inference
// counted them.
func printCommits(ctx context.Context, out io.Writer, stacks map[string]*stack) error {
	for _, name := range []string{"SQLite", "PostgreSQL"} {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, stacks[name].admin+"/metrics", nil)
		if err != nil {
			return fmt.Errorf("read the metrics: %w", err)
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return fmt.Errorf("read the metrics: %w", err)
		}
		text, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if err != nil {
			return fmt.Errorf("read the metrics: %w", err)
		}
		figures := map[string]float64{}
		for _, match := range batchFigure.FindAllStringSubmatch(string(text), -1) {
			if figures[match[1]], err = strconv.ParseFloat(match[2], 64); err != nil {
				return fmt.Errorf("read the metrics: %w", err)
			}
		}
		fmt.Fprintf(out, "%s: %.0f rows in %.0f commits, %.1f a commit\n", name, figures["sum"], figures["count"], figures["sum"]/max(figures["count"], 1))
	}
	return nil
}
