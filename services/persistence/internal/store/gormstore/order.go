package gormstore

import (
	"strings"

	"gorm.io/gorm"
)

// ordering is the columns that a list is ordered by, all in one direction.
//
// A column whose value is fixed by a filter comes first, by from and upTo instead of an
// equality. To a planner the order then is that of one index and of no other, and it
// reads the page from there, whatever it knows, or does not know yet, of the table. With
// an equality it may find that an index of the rest of the order will do, and look
// through a million rows for those of the filter.
type ordering struct {
	columns    []string
	descending bool
}

// by orders a query.
func (o ordering) by(db *gorm.DB) *gorm.DB {
	direction := " ASC"
	if o.descending {
		direction = " DESC"
	}
	return db.Order(strings.Join(o.columns, direction+", ") + direction)
}

// from lets a query start after the row with these values in its columns.
func (o ordering) from(db *gorm.DB, values []any) *gorm.DB {
	if o.descending {
		return o.compare(db, "<", values)
	}
	return o.compare(db, ">", values)
}

// atLeast and atMost bound the first columns.
func (o ordering) atLeast(db *gorm.DB, values []any) *gorm.DB { return o.compare(db, ">=", values) }

func (o ordering) atMost(db *gorm.DB, values []any) *gorm.DB { return o.compare(db, "<=", values) }

func (o ordering) compare(db *gorm.DB, operator string, values []any) *gorm.DB {
	marks := strings.TrimSuffix(strings.Repeat("?, ", len(values)), ", ")
	return db.Where("("+strings.Join(o.columns[:len(values)], ", ")+") "+operator+" ("+marks+")", values...)
}
