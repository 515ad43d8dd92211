package access

import (
	"context"
	"math"
	"net"
	"net/netip"
	"time"

	"github.com/jellydator/ttlcache/v3"
	"golang.org/x/time/rate"

	"github.com/futurisys/futurisys/services/platform/apierr"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// Rates hold each caller to so many requests a second: a principal, or where nobody is known
// an address. Many goroutines may use them; nil ones hold nobody.
type Rates struct {
	limit   rate.Limit
	burst   int
	callers *ttlcache.Cache[string, *rate.Limiter]
}

// maxCallers is how many callers are remembered, and rememberTime for how long after their last
// request; they would have saved up all that they can by then.
const (
	maxCallers   = 10_000
	rememberTime = time.Minute
)

// burstSeconds is for how many seconds a caller may save up.
const burstSeconds = 2

// NewRates holds callers to so many requests a second; nil: 0 are asked for, which holds nobody.
func NewRates(perSecond float64) *Rates {
	if perSecond <= 0 {
		return nil
	}
	callers := ttlcache.New(ttlcache.WithCapacity[string, *rate.Limiter](maxCallers), ttlcache.WithTTL[string, *rate.Limiter](rememberTime))
	return &Rates{rate.Limit(perSecond), int(math.Ceil(perSecond * burstSeconds)), callers}
}

// Take counts a request of the principal of a context, or of an address (host:port, or a host)
// where there is none. *apierr.Error: he has had too many, and when to come again.
func (r *Rates) Take(ctx context.Context, address string) error {
	if r == nil {
		return nil
	}
	caller := "address " + network(address)
	if principal := From(ctx); principal != nil {
		caller = "subject " + principal.Subject
	}
	found, _ := r.callers.GetOrSetFunc(caller, func() *rate.Limiter { return rate.NewLimiter(r.limit, r.burst) })
	reserved := found.Value().Reserve()
	wait := reserved.Delay()
	if wait == 0 {
		return nil
	}
	reserved.Cancel()
	refused := apierr.New(futurisysv1.ErrorReason_ERROR_REASON_RATE_LIMITED, "limit", float64(r.limit))
	refused.RetryAfter = max(wait, time.Second)
	return refused
}

// network is an address as far as it is one caller's: of IPv6 everybody has 64 bits.
func network(address string) string {
	if host, _, err := net.SplitHostPort(address); err == nil {
		address = host
	}
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return address
	}
	const ownBits = 64
	ip = ip.Unmap().WithZone("")
	return netip.PrefixFrom(ip, min(ip.BitLen(), ownBits)).Masked().String()
}
