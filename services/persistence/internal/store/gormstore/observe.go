package gormstore

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"gorm.io/gorm"

	"github.com/futurisys/futurisys/services/persistence/internal/store"
)

// observer is what operators watch of the database. Many goroutines may use it at once.
type observer struct {
	registry prometheus.Registerer // nil: there is nobody to watch
	errors   *prometheus.CounterVec
	queries  *prometheus.HistogramVec
	// unwritable says that the last row was refused for want of room, or of the right.
	unwritable atomic.Bool
	room       room
	// failure is why the last predictions were not recorded; nil: they were.
	failure atomic.Pointer[failure]
	// damage is the first error that says that the database is damaged; nil: there was none.
	// It stays until a restart: what is written into such a one is lost with it.
	damage atomic.Pointer[failure]
	// sessions is the number of the sessions that are good: see sessionsEnd.
	sessions atomic.Int64
}

func newObserver(registry prometheus.Registerer) *observer {
	o := &observer{
		registry: registry,
		errors: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "futurisys_database_errors_total", Help: "What the database could not do, by what was in the way.",
		}, []string{"class"}),
		queries: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "futurisys_database_query_duration_seconds", Help: "Time of statements, by what they do to which table.",
			Buckets: prometheus.ExponentialBuckets(0.0001, 4, 9), //nolint:mnd // 0.1 ms to 6.6 s
		}, []string{"operation", "table"}),
	}
	o.unwritable.Store(true) // nothing was tried yet
	for _, class := range classes() {
		o.errors.WithLabelValues(string(class))
	}
	return o
}

// register registers what is measured, once the database is open: opening may be tried again.
func (o *observer) register(pools map[string]*gorm.DB) error {
	if o.registry == nil {
		return nil
	}
	if err := errors.Join(o.registry.Register(o.errors), o.registry.Register(o.queries)); err != nil {
		return fmt.Errorf("measure the database: %w", err)
	}
	for name, pool := range pools {
		if err := o.watch(name, pool); err != nil {
			return err
		}
	}
	return nil
}

// failed notes an error of the database.
func (o *observer) failed(err error) {
	class := classOf(err)
	switch {
	case errors.Is(err, context.DeadlineExceeded): // the caller's, which is most often shorter than the database's
		class = classTimeout
	case class == "", isAfterwards(err):
		return
	}
	o.errors.WithLabelValues(string(class)).Inc()
	if class == classDamaged {
		o.damage.CompareAndSwap(nil, &failure{err, time.Now()})
	}
	if class == classDiskFull || class == classReadOnly || class == classIO {
		o.unwritable.Store(true)
	}
	if class == classReadOnly || class == classConnection || class == classShutdown {
		o.sessionsEnd()
	}
}

// isAfterwards says whether an error only follows from another: SQLite has rolled the
// transaction back by itself.
func isAfterwards(err error) bool {
	return strings.Contains(err.Error(), "cannot rollback - no transaction is active")
}

// sessionsEnd makes all open sessions of PostgreSQL ones that are used no more: when one
// broke, the server's end or a proxy's has most often broken all, and each would fail one call;
// and whether rows may be written is a default that a session keeps from its beginning.
func (o *observer) sessionsEnd() { o.sessions.Add(1) }

// sessionKey is where a connection has the number of its session.
const sessionKey = "futurisys:session"

func (o *observer) begin(_ context.Context, connection *pgx.Conn) error {
	connection.PgConn().CustomData()[sessionKey] = o.sessions.Load()
	return nil
}

func (o *observer) reuse(_ context.Context, connection *pgx.Conn) error {
	if connection.PgConn().CustomData()[sessionKey] != o.sessions.Load() {
		return driver.ErrBadConn
	}
	return nil
}

// failure is what went wrong, and when.
type failure struct {
	err error
	at  time.Time
}

// recorded notes what came of recording predictions.
func (o *observer) recorded(err error) {
	switch class := classOf(err); {
	case err == nil:
		o.failure.Store(nil)
	case class == classLock, class == classTimeout, class == classOther, errors.Is(err, context.DeadlineExceeded):
		o.failure.Store(&failure{err, time.Now()})
	}
}

// damaged returns an error once the database was found damaged.
func (o *observer) damaged() error {
	if found := o.damage.Load(); found != nil {
		return fmt.Errorf("%w: %w: restore it, and restart: %w", store.ErrUnavailable, store.ErrDamaged, found.err)
	}
	return nil
}

// lastFailure is why predictions are not recorded, where nothing else that is tried shows it: a
// table is locked, damaged or missing. After a while it counts no more, so that it is tried.
func (o *observer) lastFailure() error {
	if last := o.failure.Load(); last != nil && time.Since(last.at) < failureCounts {
		return fmt.Errorf("the last predictions were not recorded: %w", last.err)
	}
	return nil
}

// failureCounts is about the usual time between two looks at a process.
const failureCounts = 10 * time.Second

// writable says whether rows can be written, as far as is known.
func (o *observer) writable() bool { return !o.unwritable.Load() }

// wrote says that a row could be written.
func (o *observer) wrote() { o.unwritable.Store(false) }

// watch measures the statements and the connections of a pool.
func (o *observer) watch(name string, pool *gorm.DB) error {
	database, err := pool.DB()
	if err != nil {
		return fmt.Errorf("reach the database: %w", err)
	}
	if err := o.registry.Register(collectors.NewDBStatsCollector(database, name)); err != nil {
		return fmt.Errorf("measure the connections: %w", err)
	}
	const begun, key = "futurisys:begun", "futurisys:ended"
	begin := func(tx *gorm.DB) { tx.InstanceSet(begun, time.Now()) }
	end := func(operation string) func(tx *gorm.DB) {
		return func(tx *gorm.DB) {
			if start, ok := tx.InstanceGet(begun); ok {
				took := time.Since(start.(time.Time)).Seconds() //nolint:forcetypeassert // see begin
				o.queries.WithLabelValues(operation, tx.Statement.Table).Observe(took)
			}
		}
	}
	callbacks := pool.Callback()
	for _, err := range []error{
		callbacks.Create().Before("*").Register(begun, begin), callbacks.Create().After("*").Register(key, end("insert")),
		callbacks.Query().Before("*").Register(begun, begin), callbacks.Query().After("*").Register(key, end("select")),
		callbacks.Update().Before("*").Register(begun, begin), callbacks.Update().After("*").Register(key, end("update")),
		callbacks.Delete().Before("*").Register(begun, begin), callbacks.Delete().After("*").Register(key, end("delete")),
		callbacks.Row().Before("*").Register(begun, begin), callbacks.Row().After("*").Register(key, end("select")),
		callbacks.Raw().Before("*").Register(begun, begin), callbacks.Raw().After("*").Register(key, end("raw")),
	} {
		if err != nil {
			return fmt.Errorf("measure the statements: %w", err)
		}
	}
	return nil
}
