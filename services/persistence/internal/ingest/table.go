package ingest

import (
	"errors"
	"io"
	"slices"

	"github.com/futurisys/futurisys/services/persistence/internal/store"
	"github.com/futurisys/futurisys/services/platform/sheet"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// table is a file that was read.
type table struct {
	kind    Kind
	columns []bound
	lines   map[int32]line // by employee
	rows    int
}

// bound is a stored column and where the file has it.
type bound struct {
	column

	header string
	at     int
}

// line is one employee's line: its number in the file, and the values, already
// known to be readable.
type line struct {
	number int
	record []string
}

// fill writes the line's values into a profile. They were tried before, so that
// an error cannot come here.
func (t *table) fill(profile *store.Profile, l line) {
	for _, c := range t.columns {
		_ = c.set(profile, l.record[c.at])
	}
}

// readTable reads a file and reports every problem of it.
func readTable(kind Kind, file File, report *Report) *table {
	t := &table{kind: kind, lines: map[int32]line{}}
	read, err := sheet.Open(file)
	if err != nil {
		report.addError(kind, err)
		return t
	}
	defer read.Close()
	key := t.bindHeader(read.Header(), report)
	if len(report.Problems) > 0 {
		return t
	}
	for !report.Full() {
		row, err := read.Next()
		if errors.Is(err, io.EOF) {
			return t
		}
		if t.rows++; t.rows > MaxRows {
			report.add(kind, row.Line, "", futurisysv1.ViolationReason_VIOLATION_REASON_TOO_MANY_ROWS, "max", MaxRows)
			return t
		}
		if err != nil {
			if report.addError(kind, err); row.Line == 0 { // nothing can be read behind it
				return t
			}
			continue
		}
		t.addLine(row.Line, row.Cells, key, report)
	}
	return t
}

// addError notes what a file, or a line of it, does not read for.
func (r *Report) addError(kind Kind, err error) {
	if wrong, ok := errors.AsType[*sheet.Error](err); ok {
		r.add(kind, wrong.Line, "", wrong.Reason, wrong.Parameters...)
		return
	}
	r.add(kind, 0, "", futurisysv1.ViolationReason_VIOLATION_REASON_NOT_CSV, "cause", err)
}

// bindHeader finds the stored columns in the header and returns where the key is.
func (t *table) bindHeader(header []string, report *Report) int {
	known := t.known()
	key, seen := -1, map[string]bool{}
	for at, name := range header {
		c, stored := known[sheet.Key(name)]
		identity := sheet.Key(name)
		if stored {
			identity = c.field
		}
		switch {
		case identity != "" && seen[identity]:
			report.add(t.kind, 1, name, futurisysv1.ViolationReason_VIOLATION_REASON_REPEATED_COLUMN)
		case identity == t.kind.key():
			key = at
		case stored:
			t.columns = append(t.columns, bound{c, name, at})
		case name != "" && !slices.Contains(ignored(), identity):
			report.Ignored = append(report.Ignored, Column{t.kind, name})
		}
		seen[identity] = true
	}
	t.addMissing(key, seen, report)
	return key
}

// addMissing reports the columns that a header has not; all of them at once, where it has none.
func (t *table) addMissing(key int, seen map[string]bool, report *Report) {
	if key < 0 && len(t.columns) == 0 {
		report.add(t.kind, 1, "", futurisysv1.ViolationReason_VIOLATION_REASON_NOT_THE_HEADER)
		return
	}
	if key < 0 {
		report.add(t.kind, 1, t.kind.key(), futurisysv1.ViolationReason_VIOLATION_REASON_MISSING_COLUMN)
	}
	known := t.known()
	for _, c := range columns() {
		if _, wanted := known[sheet.Key(c.source)]; wanted && !seen[c.field] && !c.optional {
			report.add(t.kind, 1, c.source, futurisysv1.ViolationReason_VIOLATION_REASON_MISSING_COLUMN)
		}
	}
}

// known are the stored columns that this kind of file has, by the key of each name that it
// may give them.
func (t *table) known() map[string]column {
	known := map[string]column{}
	for _, c := range columns() {
		if t.kind == Joined {
			known[sheet.Key(c.field)] = c // a joined file may have the API's names
		}
		if t.kind == Joined || c.kind == t.kind {
			known[sheet.Key(c.source)] = c
		}
	}
	return known
}

// addLine checks a line and keeps it under its employee.
func (t *table) addLine(number int, record []string, key int, report *Report) {
	id, wrong := parseID(t.kind, record[key])
	if wrong != nil {
		report.add(t.kind, number, t.kind.key(), wrong.reason, wrong.parameters()...)
		return
	}
	if before, twice := t.lines[id]; twice {
		report.add(t.kind, number, t.kind.key(), futurisysv1.ViolationReason_VIOLATION_REASON_REPEATED_EMPLOYEE, "employee", id, "line", before.number)
		return
	}
	var scratch store.Profile
	for _, c := range t.columns {
		if sheet.Text(record[c.at]) == "" {
			report.Empty[c.field]++
		}
		if wrong := c.set(&scratch, record[c.at]); wrong != nil {
			report.add(t.kind, number, c.header, wrong.reason, wrong.parameters()...)
		}
	}
	t.lines[id] = line{number, record}
}
