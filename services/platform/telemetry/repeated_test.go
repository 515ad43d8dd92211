package telemetry_test

import (
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/futurisys/futurisys/services/platform/telemetry"
)

func TestWhatRepeatsIsLoggedNowAndThen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var lines strings.Builder
		log := slog.New(slog.NewTextHandler(&lines, nil))
		repeated := telemetry.NewRepeated(2, time.Minute)
		for range 120 {
			repeated.Log(t.Context(), log, slog.LevelWarn, "away", slog.String("why", "x"))
			time.Sleep(time.Second)
		}
		if got := strings.Count(lines.String(), "msg=away why=x"); got != 3 || !strings.Contains(lines.String(), "left_out=59") {
			t.Errorf("%d lines: %s", got, lines.String())
		}
	})
}
