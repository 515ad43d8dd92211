package ui

import (
	"encoding/csv"
	"io"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"
)

// Table writes CSV that a spreadsheet of the reader's language opens by itself: with a
// byte order mark, and in French with semicolons and decimal commas.
type Table struct {
	v   *View
	out *csv.Writer
	err error
}

// NewTable begins a table.
func NewTable(v *View, w io.Writer) *Table {
	t := &Table{v: v, out: csv.NewWriter(w)}
	_, t.err = io.WriteString(w, "\uFEFF")
	if v.Code == "fr" {
		t.out.Comma = ';'
	}
	t.out.UseCRLF = true
	return t
}

// Row writes a line; see Err.
func (t *Table) Row(cells []string) {
	if t.err == nil {
		t.err = t.out.Write(cells)
	}
}

// Err is what went wrong with the lines so far.
func (t *Table) Err() error { return t.err }

// Close writes what is left of it, and says what went wrong.
func (t *Table) Close() error {
	t.out.Flush()
	if t.err != nil {
		return t.err
	}
	return t.out.Error() //nolint:wrapcheck // the caller says what it was doing
}

// Text is a text that no spreadsheet takes for a formula.
func (t *Table) Text(text string) string {
	if text != "" && strings.ContainsRune("=+-@\t\r", rune(text[0])) {
		return "'" + text
	}
	return text
}

// Decimal is a number in full, as the reader's spreadsheet reads it.
func (t *Table) Decimal(value float64) string {
	text := strconv.FormatFloat(value, 'f', -1, 64)
	if t.v.Code == "fr" {
		return strings.Replace(text, ".", ",", 1)
	}
	return text
}

// Time is a moment that a spreadsheet reads as one, in the time zone of this process.
func (*Table) Time(at *timestamppb.Timestamp) string {
	return at.AsTime().Local().Format(time.DateTime) //nolint:gosmopolitan // the analysts' own clock: TZ
}
