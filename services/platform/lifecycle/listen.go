package lifecycle

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// mayBeIdle is how long a connection may be without a request under way when others need its
// place. Also one that has been sending its headers for so long has none.
const mayBeIdle = time.Second

// Listener is a listener that holds no more connections than there are descriptors for, so that
// those of operators, and files, are left. When it has as many, the one that has been idle for
// longest is closed for the next; while none is, the next one waits.
type Listener struct {
	net.Listener

	max       int
	freed     chan struct{} // has something when a connection has ended
	done      chan struct{}
	closeOnce sync.Once
	mu        sync.Mutex
	open      map[*connection]struct{}
	closed    atomic.Int64
}

// Listen listens at the address of a setting, with so many connections at most.
func Listen(key, addr string, most int, registry prometheus.Registerer) (*Listener, error) {
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	l := NewListener(listener, MaxConnections(most))
	labels := prometheus.Labels{"listener": key}
	registry.MustRegister(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "futurisys_connections", Help: "Open connections, by the setting of the address.", ConstLabels: labels},
			func() float64 { return float64(l.count()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "futurisys_connections_max", Help: "How many connections there may be.", ConstLabels: labels},
			func() float64 { return float64(l.max) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "futurisys_connections_closed_idle_total", Help: "Idle connections that were closed because others needed their place.", ConstLabels: labels},
			func() float64 { return float64(l.closed.Load()) }),
	)
	return l, nil
}

// NewListener holds a listener to so many connections.
func NewListener(listener net.Listener, most int) *Listener {
	return &Listener{Listener: listener, max: most, freed: make(chan struct{}, 1), done: make(chan struct{}), open: map[*connection]struct{}{}}
}

// MaxConnections is how many connections a listener has that may have so many: at most a third
// of the descriptors that the process may have, so that two listeners leave some for files.
func MaxConnections(most int) int {
	const part, least = 3, 16
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil || limit.Cur/part > uint64(most) {
		return most
	}
	return min(max(int(limit.Cur/part), least), most)
}

// Accept returns the next connection.
func (l *Listener) Accept() (net.Conn, error) {
	for !l.hasRoom() {
		select {
		case <-l.freed:
		case <-time.After(100 * time.Millisecond): // or one has become idle
		case <-l.done:
			return nil, net.ErrClosed
		}
	}
	accepted, err := l.Listener.Accept()
	if err != nil {
		return nil, err //nolint:wrapcheck // told apart by the server
	}
	c := &connection{Conn: accepted, listener: l}
	c.active.Store(time.Now().UnixNano())
	l.mu.Lock()
	l.open[c] = struct{}{}
	l.mu.Unlock()
	return c, nil
}

// Close ends it; connections stay.
func (l *Listener) Close() error {
	l.closeOnce.Do(func() { close(l.done) })
	return l.Listener.Close() //nolint:wrapcheck // told apart by the server
}

func (l *Listener) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.open)
}

// hasRoom says whether there is room for a connection, and makes it if that can be.
func (l *Listener) hasRoom() bool {
	l.mu.Lock()
	if len(l.open) < l.max {
		l.mu.Unlock()
		return true
	}
	now := time.Now().UnixNano()
	var idlest *connection
	var most time.Duration
	for c := range l.open {
		if idle := c.idle(now); idle > most {
			idlest, most = c, idle
		}
	}
	l.mu.Unlock()
	if idlest == nil {
		return false
	}
	l.closed.Add(1)
	_ = idlest.Close() // what it says helps nobody
	return true
}

// connection is a connection that knows whether it is in use.
type connection struct {
	net.Conn

	listener *Listener
	active   atomic.Int64 // when it was accepted, or its last request ended, in nanoseconds
	requests atomic.Int64 // under way
	closing  sync.Once
}

// idle is for how long more than it may it was not used; 0: it is in use.
func (c *connection) idle(now int64) time.Duration {
	if c.requests.Load() > 0 {
		return 0
	}
	return max(0, time.Duration(now-c.active.Load())-mayBeIdle)
}

// occupy says that a request is under way, until free is called.
func (c *connection) occupy() (free func()) {
	c.requests.Add(1)
	return func() {
		c.active.Store(time.Now().UnixNano())
		c.requests.Add(-1)
	}
}

// LocalAddr is this end's address; servers of HTTP and of gRPC hand it to whoever enters a
// request, also where TLS is between.
func (c *connection) LocalAddr() net.Addr { return &localAddr{c.Conn.LocalAddr(), c} }

// localAddr is the address of a connection's end.
type localAddr struct {
	net.Addr

	connection *connection
}

// Occupy says that a request of the connection is under way, until free is called.
func (a *localAddr) Occupy() (free func()) { return a.connection.occupy() }

// Close closes it.
func (c *connection) Close() error {
	c.closing.Do(func() {
		c.listener.mu.Lock()
		delete(c.listener.open, c)
		c.listener.mu.Unlock()
		select {
		case c.listener.freed <- struct{}{}:
		default:
		}
	})
	return c.Conn.Close() //nolint:wrapcheck // the server's own
}

// occupying says of connections that a request is under way.
func occupying(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, is := r.Context().Value(http.LocalAddrContextKey).(*localAddr); is {
			defer c.Occupy()()
		}
		next.ServeHTTP(w, r)
	})
}
