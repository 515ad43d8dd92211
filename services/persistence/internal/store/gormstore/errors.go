package gormstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"slices"
	"strings"

	lite "github.com/glebarez/go-sqlite"
	"github.com/glebarez/sqlite"
	"github.com/jackc/pgx/v5/pgconn"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"

	"github.com/futurisys/futurisys/services/persistence/internal/store"
)

// sqliteDialector and postgresDialector say of every error that the database gives
// what it means for the store.
type sqliteDialector struct {
	*sqlite.Dialector

	seen *observer
}

type postgresDialector struct {
	*postgres.Dialector

	seen *observer
}

// Translate is called by GORM for every error.
func (d sqliteDialector) Translate(err error) error {
	d.seen.failed(err)
	return classify(d.Dialector.Translate(err), err)
}

// Translate is called by GORM for every error.
func (d postgresDialector) Translate(err error) error {
	d.seen.failed(err)
	return classify(d.Dialector.Translate(err), err)
}

// classify adds ErrUnavailable, ErrTimeout or ErrRefused to an error that is one; GORM's own
// meaning of it, translated, stays.
func classify(translated, err error) error {
	if isClassified(translated) {
		return translated
	}
	class := classOf(err)
	switch {
	case errors.Is(translated, gorm.ErrDuplicatedKey), class == "":
		return translated
	case isPooled(err): // it was not when the connection was opened
		return fmt.Errorf("%w: a pooler in transaction mode stands before the database: restart, "+
			"or add default_query_exec_mode=cache_describe to DATABASE_URL: %w", store.ErrUnavailable, translated)
	case class == classDamaged:
		return fmt.Errorf("%w: %w: %w", store.ErrUnavailable, store.ErrDamaged, translated)
	case slices.Contains(away, class):
		return fmt.Errorf("%w (%s): %w", store.ErrUnavailable, class, translated)
	case class == classTimeout:
		return fmt.Errorf("%w: %w", store.ErrTimeout, translated)
	case class == classRefused, errors.Is(translated, gorm.ErrCheckConstraintViolated):
		return fmt.Errorf("%w: %w", store.ErrRefused, translated)
	}
	return translated
}

func isClassified(err error) bool {
	return errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrTimeout) || errors.Is(err, store.ErrRefused)
}

// scan reads the answer of a query into a variable. GORM's Scan does not say what an
// error means.
func scan(query *gorm.DB, into any) error {
	err := query.Scan(into).Error
	if err == nil || isClassified(err) {
		return err //nolint:wrapcheck // said inside
	}
	return query.Dialector.(gorm.ErrorTranslator).Translate(err) //nolint:forcetypeassert,wrapcheck // both dialectors are ours
}

// class is what stands in the way of something that a database was asked for.
type class string

const (
	classConnection  class = "connection" // it does not answer, or the connection broke
	classConnections class = "too_many_connections"
	classDiskFull    class = "disk_full"
	classIO          class = "io"
	classDamaged     class = "damaged"   // pages or indexes that do not read
	classResources   class = "resources" // memory, or the like
	classShutdown    class = "shutdown"  // it starts, stops or hands over
	classReadOnly    class = "read_only"
	classLock        class = "lock"     // another one has it
	classConflict    class = "conflict" // of transactions: rolled back to be tried again
	classTimeout     class = "timeout"  // of a statement
	classRefused     class = "refused"  // by a rule of the schema
	classOther       class = "other"
)

func classes() []class {
	return append(slices.Clone(away), classTimeout, classRefused, classOther)
}

// away are those of which it is no use to say more to a caller than to try again.
var away = []class{
	classConnection, classConnections, classDiskFull, classIO, classDamaged, classResources, classShutdown, classReadOnly, classLock, classConflict,
}

// classOf is the class of an error; "": it is none of the database's.
func classOf(err error) class {
	switch {
	case err == nil, errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded),
		errors.Is(err, gorm.ErrRecordNotFound), errors.Is(err, sql.ErrNoRows):
		return ""
	}
	if failed, ok := errors.AsType[*pgconn.PgError](err); ok {
		return postgresClass(failed.Code)
	}
	if failed, ok := errors.AsType[*lite.Error](err); ok {
		return sqliteClass(failed.Code() & 0xff) // the primary code
	}
	if failed, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		// pgx says only in words that TLS was asked for where there is none: no wait helps.
		if strings.Contains(failed.Error(), "refused TLS") {
			return classOther
		}
		return classConnection
	}
	if _, ok := errors.AsType[*fs.PathError](err); ok { // whose numbers say of themselves that they are a network's
		return classOther
	}
	if _, ok := errors.AsType[net.Error](err); ok {
		return classConnection
	}
	// pgx says of a connection that broke under a call only in words that it did.
	if errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) || errors.Is(err, io.EOF) ||
		errors.Is(err, io.ErrUnexpectedEOF) || strings.Contains(err.Error(), "conn closed") {
		return classConnection
	}
	return classOther
}

// tooManyConnections is PostgreSQL's code for a server that gives no more of them.
const tooManyConnections = "53300"

// postgresClass is the class of an SQLSTATE: see the manual of PostgreSQL, appendix A.
func postgresClass(code string) class {
	if known, ok := map[string]class{
		tooManyConnections: classConnections, "53100": classDiskFull, "57014": classTimeout, "55P03": classLock, "25006": classReadOnly,
		"XX001": classDamaged, "XX002": classDamaged,
	}[code]; ok {
		return known
	}
	if known, ok := map[string]class{
		"08": classConnection, "53": classResources, "57": classShutdown, "58": classIO, "40": classConflict,
		"22": classRefused, "23": classRefused, // data exceptions and integrity violations
	}[code[:2]]; ok {
		return known
	}
	return classOther
}

// sqliteClass is the class of a primary result code.
func sqliteClass(code int) class {
	if known, ok := map[int]class{
		5: classLock, 6: classLock, 8: classReadOnly, 10: classIO, 11: classDamaged, 13: classDiskFull, 14: classIO, 19: classRefused, 26: classDamaged,
	}[code]; ok {
		return known
	}
	return classOther
}
