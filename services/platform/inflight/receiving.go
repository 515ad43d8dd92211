package inflight

import (
	"container/list"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

const (
	// FreeBytes of each request do not count: large ones must not shut out single rows.
	FreeBytes = 16 << 10
	// minRate is how many bytes of a request are to come in a second, and wholeTime in how long
	// it is to come whole: who holds much must be quick. Who sends less is behind.
	minRate   = 128 << 10
	wholeTime = 16 * time.Second
	// maxBehind is how far behind a request may be when others need the bytes that it holds.
	maxBehind = 250 * time.Millisecond
)

// Receiving bounds the requests that have begun and have not come whole: nobody's slow or
// endless ones may keep out those of others. When there are too many, the one of which nothing
// has come for longest is ended: an honest one is there in a moment. When they hold too much,
// it is the one that is furthest behind minRate; if none is, the new one is refused. Many
// goroutines may use it.
type Receiving struct {
	maxRequests int
	maxBytes    int64

	mu             sync.Mutex
	coming         *list.List // of *Incoming; of the first nothing has come for longest
	bytes          int64
	ended, refused uint64
}

// NewReceiving bounds how many requests are coming at once, and their bytes beyond FreeBytes
// of each.
func NewReceiving(maxRequests int, maxBytes int64) *Receiving {
	return &Receiving{maxRequests: maxRequests, maxBytes: maxBytes, coming: list.New()}
}

// Incoming is a request that is being received. One goroutine uses it.
type Incoming struct {
	receiving *Receiving
	end       func()

	// The fields below are guarded by receiving.mu.

	size    int64 // reserved, or what came if that is more
	came    int64
	behind  time.Duration // at since
	since   time.Time     // zero: not waited for
	place   *list.Element // among what is coming; nil: not waited for
	wasSlow bool
}

// Begin enters a request whose bytes are waited for. Call Done when its memory is free again.
// end must make who waits for them see an error soon; it may run in any goroutine.
func (r *Receiving) Begin(end func()) *Incoming {
	incoming := &Incoming{receiving: r, end: end, since: time.Now()}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.coming.Len() >= r.maxRequests {
		r.endOne(r.coming.Front().Value.(*Incoming)) //nolint:forcetypeassert // nothing else is put in
	}
	incoming.place = r.coming.PushBack(incoming)
	return incoming
}

// Reserve counts bytes that are said to come. *apierr.Error: there is no room for them.
func (i *Incoming) Reserve(bytes int64) error {
	i.receiving.mu.Lock()
	defer i.receiving.mu.Unlock()
	return i.grow(i.came + bytes)
}

// Came counts bytes that came. *apierr.Error: there is no room for them, or the request was
// ended.
func (i *Incoming) Came(bytes int64) error {
	r := i.receiving
	r.mu.Lock()
	defer r.mu.Unlock()
	if now := time.Now(); !i.since.IsZero() {
		i.behind, i.since = max(0, i.behindAt(now)-i.timeFor(bytes)), now
	}
	if i.place != nil {
		r.coming.MoveToBack(i.place)
	}
	i.came += bytes
	return i.grow(i.came)
}

func (i *Incoming) grow(size int64) error {
	if i.wasSlow {
		return overloaded()
	}
	r, counted := i.receiving, i.counted()
	i.size = max(i.size, size)
	more := i.counted() - counted
	r.bytes += more
	for more > 0 && r.bytes > i.counted() && r.bytes > r.maxBytes { // one that is larger than all may be comes alone
		if !r.endSlowest(true) {
			r.refused++
			i.free()
			return overloaded()
		}
		if i.wasSlow {
			return overloaded()
		}
	}
	return nil
}

// timeFor is how long so many bytes may take.
func (i *Incoming) timeFor(bytes int64) time.Duration {
	rate := max(minRate, i.size/int64(wholeTime/time.Second))
	return time.Duration(bytes) * time.Second / time.Duration(rate)
}

// Pause says that the next bytes are not waited for until Resume: what the server takes for
// itself does not count as the caller's delay.
func (i *Incoming) Pause() {
	i.receiving.mu.Lock()
	defer i.receiving.mu.Unlock()
	if !i.since.IsZero() {
		i.behind, i.since = i.behindAt(time.Now()), time.Time{}
	}
	i.leave()
}

// Resume says that bytes are waited for again.
func (i *Incoming) Resume() {
	i.receiving.mu.Lock()
	defer i.receiving.mu.Unlock()
	if !i.wasSlow {
		i.leave()
		i.since, i.place = time.Now(), i.receiving.coming.PushBack(i)
	}
}

// Free says that the memory of what came is free again.
func (i *Incoming) Free() {
	i.receiving.mu.Lock()
	defer i.receiving.mu.Unlock()
	i.free()
}

// Done says that the request is no concern any more.
func (i *Incoming) Done() {
	i.receiving.mu.Lock()
	defer i.receiving.mu.Unlock()
	i.leave()
	i.free()
}

func (i *Incoming) leave() {
	if i.place != nil {
		i.receiving.coming.Remove(i.place)
		i.place = nil
	}
}

// EndSlowest ends the request that is furthest behind, or of the large ones the one that is;
// false: none is.
func (r *Receiving) EndSlowest(large bool) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.endSlowest(large)
}

func (r *Receiving) endSlowest(large bool) bool {
	now, most := time.Now(), maxBehind
	var slowest *Incoming
	for place := r.coming.Front(); place != nil; place = place.Next() {
		incoming := place.Value.(*Incoming) //nolint:forcetypeassert // nothing else is put in
		if behind := incoming.behindAt(now); behind > most && (!large || incoming.counted() > 0) {
			slowest, most = incoming, behind
		}
	}
	if slowest == nil {
		return false
	}
	r.endOne(slowest)
	return true
}

func (r *Receiving) endOne(slow *Incoming) {
	slow.wasSlow = true
	slow.leave()
	slow.free()
	r.ended++
	go slow.end() // it may want locks that our caller holds
}

func (i *Incoming) behindAt(now time.Time) time.Duration {
	if i.since.IsZero() {
		return i.behind
	}
	return i.behind + now.Sub(i.since)
}

func (i *Incoming) counted() int64 { return max(i.size, FreeBytes) - FreeBytes }

func (i *Incoming) free() {
	i.receiving.bytes -= i.counted()
	i.size, i.came = 0, 0
}

// RegisterReceiving registers the metrics of what is received, by its kind.
func RegisterReceiving(registry prometheus.Registerer, kinds map[string]*Receiving) {
	for name, r := range kinds {
		labels := prometheus.Labels{"kind": name}
		read := func(value func() float64) func() float64 {
			return func() float64 {
				r.mu.Lock()
				defer r.mu.Unlock()
				return value()
			}
		}
		registry.MustRegister(
			prometheus.NewGaugeFunc(prometheus.GaugeOpts{
				Name: "futurisys_receiving_requests", Help: "Requests that have begun and have not come whole.", ConstLabels: labels,
			}, read(func() float64 { return float64(r.coming.Len()) })),
			prometheus.NewGaugeFunc(prometheus.GaugeOpts{
				Name: "futurisys_receiving_bytes", Help: "What requests hold beyond the first 16 KiB of each.", ConstLabels: labels,
			}, read(func() float64 { return float64(r.bytes) })),
			prometheus.NewCounterFunc(prometheus.CounterOpts{
				Name: "futurisys_receiving_ended_total", Help: "Requests that were ended because they came slowly and others needed their room.", ConstLabels: labels,
			}, read(func() float64 { return float64(r.ended) })),
			prometheus.NewCounterFunc(prometheus.CounterOpts{
				Name: "futurisys_receiving_refused_total", Help: "Requests that were refused because others, none of them slow, held all bytes that there are for them.", ConstLabels: labels,
			}, read(func() float64 { return float64(r.refused) })),
		)
	}
}
