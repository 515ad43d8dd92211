package gormstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
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
type sqliteDialector struct{ *sqlite.Dialector }

type postgresDialector struct{ *postgres.Dialector }

// Translate is called by GORM for every error.
func (d sqliteDialector) Translate(err error) error {
	return classify(d.Dialector.Translate(err), err)
}

// Translate is called by GORM for every error.
func (d postgresDialector) Translate(err error) error {
	return classify(d.Dialector.Translate(err), err)
}

// classify adds ErrUnavailable or ErrRefused to an error that is one; GORM's own meaning
// of it, translated, stays.
func classify(translated, err error) error {
	if errors.Is(translated, store.ErrUnavailable) || errors.Is(translated, store.ErrRefused) {
		return translated
	}
	switch {
	case errors.Is(translated, gorm.ErrDuplicatedKey), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return translated
	case isPooled(err): // it was not when the connection was opened
		return fmt.Errorf("%w: a pooler in transaction mode stands before the database: restart, "+
			"or add default_query_exec_mode=cache_describe to DATABASE_URL: %w", store.ErrUnavailable, translated)
	case isAway(err):
		return fmt.Errorf("%w: %w", store.ErrUnavailable, translated)
	case isRefusal(err) || errors.Is(translated, gorm.ErrCheckConstraintViolated):
		return fmt.Errorf("%w: %w", store.ErrRefused, translated)
	}
	return translated
}

// scan reads the answer of a query into a variable. GORM's Scan does not say what an
// error means.
func scan(query *gorm.DB, into any) error {
	err := query.Scan(into).Error
	if err == nil {
		return nil
	}
	return classify(err, err)
}

// SQLSTATE codes and classes of PostgreSQL: see its manual, appendix A.
var (
	// Connection exceptions, insufficient resources, operator intervention, system
	// errors; rolled back to be tried again; read-only, as a standby is.
	awayClasses = []string{"08", "53", "57", "58", "40"}
	readOnly    = "25006"
	queryCancel = "57014"
	// Data exceptions and integrity violations.
	refusalClasses = []string{"22", "23"}
)

func isAway(err error) bool {
	if failed, ok := errors.AsType[*pgconn.PgError](err); ok {
		return failed.Code != queryCancel && (failed.Code == readOnly || slices.Contains(awayClasses, failed.Code[:2]))
	}
	if failed, ok := errors.AsType[*lite.Error](err); ok {
		switch failed.Code() & 0xff { // the primary code
		case sqliteBusy, sqliteLocked, sqliteReadOnly, sqliteIOErr, sqliteFull, sqliteCantOpen:
			return true
		}
		return false
	}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return true
	}
	if _, ok := errors.AsType[net.Error](err); ok {
		return true
	}
	// pgx says of a connection that broke under a call only in words that it did.
	return errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) || errors.Is(err, io.EOF) ||
		errors.Is(err, io.ErrUnexpectedEOF) || strings.Contains(err.Error(), "conn closed")
}

// Primary result codes of SQLite.
const (
	sqliteBusy       = 5
	sqliteLocked     = 6
	sqliteReadOnly   = 8
	sqliteIOErr      = 10
	sqliteFull       = 13
	sqliteCantOpen   = 14
	sqliteConstraint = 19
)

func isRefusal(err error) bool {
	if failed, ok := errors.AsType[*pgconn.PgError](err); ok {
		return slices.Contains(refusalClasses, failed.Code[:2])
	}
	failed, ok := errors.AsType[*lite.Error](err)
	return ok && failed.Code()&0xff == sqliteConstraint
}
