package ingest

import (
	"encoding/csv"
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/futurisys/futurisys/services/persistence/internal/store"

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
func readTable(kind Kind, f File, report *Report) *table {
	t := &table{kind: kind, lines: map[int32]line{}}
	if !checkText(kind, f, report) {
		return t
	}
	comma := separator(f)
	if line, wide := tooWide(f, comma); wide {
		report.add(kind, line, "", futurisysv1.ViolationReason_VIOLATION_REASON_TOO_MANY_COLUMNS, "max", MaxColumns)
		return t
	}
	reader := csv.NewReader(f.reader())
	reader.Comma = comma
	reader.FieldsPerRecord = -1 // counted here, to report every line that is off
	reader.ReuseRecord = false
	header, err := reader.Read()
	if err != nil {
		reportCSV(kind, err, report)
		return t
	}
	key := t.bindHeader(header, report)
	if len(report.Problems) > 0 {
		return t
	}
	for !report.Full() {
		record, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return t
		}
		if err != nil {
			reportCSV(kind, err, report)
			return t
		}
		number, _ := reader.FieldPos(0)
		if t.rows++; t.rows > MaxRows {
			report.add(kind, number, "", futurisysv1.ViolationReason_VIOLATION_REASON_TOO_MANY_ROWS, "max", MaxRows)
			return t
		}
		t.addLine(number, record, len(header), key, report)
	}
	return t
}

func reportCSV(kind Kind, err error, report *Report) {
	if parse, ok := errors.AsType[*csv.ParseError](err); ok {
		report.add(kind, parse.Line, "", futurisysv1.ViolationReason_VIOLATION_REASON_NOT_CSV, "cause", parse.Err)
		return
	}
	report.add(kind, 0, "", futurisysv1.ViolationReason_VIOLATION_REASON_NOT_CSV, "cause", err)
}

// bindHeader finds the stored columns in the header and returns where the key is.
func (t *table) bindHeader(header []string, report *Report) int {
	known := t.known()
	key, seen := -1, map[string]bool{}
	for at, cell := range header {
		name := strings.TrimSpace(cell)
		c, stored := known[name]
		identity := name
		if stored {
			identity = c.field
		}
		switch {
		case seen[identity]:
			report.add(t.kind, 1, name, futurisysv1.ViolationReason_VIOLATION_REASON_REPEATED_COLUMN)
		case name == t.kind.key():
			key = at
		case stored:
			t.columns = append(t.columns, bound{c, name, at})
		case !slices.Contains(ignored(), name):
			report.add(t.kind, 1, name, futurisysv1.ViolationReason_VIOLATION_REASON_UNKNOWN_COLUMN)
		}
		seen[identity] = true
	}
	if key < 0 {
		report.add(t.kind, 1, t.kind.key(), futurisysv1.ViolationReason_VIOLATION_REASON_MISSING_COLUMN)
	}
	for _, c := range columns() {
		if _, wanted := known[c.source]; wanted && !seen[c.field] && !c.optional {
			report.add(t.kind, 1, c.source, futurisysv1.ViolationReason_VIOLATION_REASON_MISSING_COLUMN)
		}
	}
	return key
}

// known are the stored columns that this kind of file has, by each name that it
// may give them.
func (t *table) known() map[string]column {
	known := map[string]column{}
	for _, c := range columns() {
		if t.kind == Joined {
			known[c.field] = c // a joined file may have the API's names
		}
		if t.kind == Joined || c.kind == t.kind {
			known[c.source] = c
		}
	}
	return known
}

// addLine checks a line and keeps it under its employee.
func (t *table) addLine(number int, record []string, width, key int, report *Report) {
	if len(record) != width {
		report.add(t.kind, number, "", futurisysv1.ViolationReason_VIOLATION_REASON_WRONG_FIELD_COUNT, "found", len(record), "expected", width)
		return
	}
	for i := range record {
		record[i] = strings.TrimSpace(record[i])
	}
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
		if wrong := c.set(&scratch, record[c.at]); wrong != nil {
			report.add(t.kind, number, c.header, wrong.reason, wrong.parameters()...)
		}
	}
	t.lines[id] = line{number, record}
}
