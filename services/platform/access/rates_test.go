package access_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/futurisys/futurisys/services/platform/access"
	"github.com/futurisys/futurisys/services/platform/apierr"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// Each caller has his own rate, an address where nobody is known; who had too many is told when
// to come again, and has lost nothing by asking.
func TestEachCallerHasARate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rates := access.NewRates(5)
		taken := func(address string) (n int) {
			for ; ; n++ {
				err := rates.Take(t.Context(), address)
				if err == nil {
					continue
				}
				refused, is := errors.AsType[*apierr.Error](err)
				if !is || refused.Reason != futurisysv1.ErrorReason_ERROR_REASON_RATE_LIMITED || refused.RetryAfter < time.Second {
					t.Errorf("got %v", err)
				}
				return n
			}
		}
		for i, test := range []struct {
			address string
			want    int
		}{
			{"192.0.2.1:1000", 10},
			{"192.0.2.1:1001", 0},
			{"192.0.2.2:1000", 10},
			{"[::ffff:192.0.2.1]:5", 0},
			{"[2001:db8::1]:1", 10},
			{"[2001:db8::2]:1", 0},
			{"[2001:db8:0:1::1]:1", 10},
			{"", 10},
			{"@", 10},
		} {
			if got := taken(test.address); got != test.want {
				t.Errorf("%d: %q: got %d, want %d", i, test.address, got, test.want)
			}
		}
		time.Sleep(time.Second)
		if got := taken("192.0.2.1:1"); got != 5 {
			t.Errorf("a second later: got %d", got)
		}
		time.Sleep(time.Hour)
		if got := taken("192.0.2.1:1"); got != 10 {
			t.Errorf("an hour later: got %d", got)
		}
	})
}

func TestCallersAreForgotten(t *testing.T) {
	rates := access.NewRates(1)
	for i := range 100_000 {
		if err := rates.Take(context.Background(), fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255)); err != nil {
			t.Fatal(err)
		}
	}
	if access.NewRates(0).Take(context.Background(), "x") != nil {
		t.Error("without a rate somebody is refused")
	}
}
