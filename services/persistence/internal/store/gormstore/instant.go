package gormstore

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// instant is a time as each database keeps it best: timestamptz in PostgreSQL,
// microseconds since 1970 in SQLite, whose text times do not sort. Both keep
// microseconds.
type instant struct {
	time.Time
}

func at(t time.Time) instant { return instant{t.UTC().Truncate(time.Microsecond)} }

// GormDataType keeps GORM from taking the struct apart.
func (instant) GormDataType() string { return "instant" }

// GormValue writes the time.
func (t instant) GormValue(_ context.Context, db *gorm.DB) clause.Expr {
	if db.Name() == SQLite {
		return clause.Expr{SQL: "?", Vars: []any{t.UnixMicro()}}
	}
	return clause.Expr{SQL: "?", Vars: []any{t.Time}}
}

// Scan reads the time.
func (t *instant) Scan(value any) error {
	switch value := value.(type) {
	case int64:
		t.Time = time.UnixMicro(value).UTC()
	case time.Time:
		t.Time = value.UTC()
	default:
		return fmt.Errorf("a time cannot be a %T", value)
	}
	return nil
}
