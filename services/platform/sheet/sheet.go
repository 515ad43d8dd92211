// Package sheet reads tables as people save them: the CSV of spreadsheets and HR systems in
// its variants, Excel's "Unicode text", and xlsx. What a cell means is up to its reader;
// Integer, Boolean and Text read what people write for it.
package sheet

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/futurisys/futurisys/proto/catalogue"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// File is a file in the pieces that it came in. It is not put together: twice 64 MiB are no
// small matter.
type File [][]byte

// reader reads the file from its start.
func (f File) reader() io.Reader {
	pieces := make([]io.Reader, len(f))
	for i, piece := range f {
		pieces[i] = bytes.NewReader(piece)
	}
	return io.MultiReader(pieces...)
}

// start is the first bytes of the file, so many at most.
func (f File) start(length int) []byte {
	start, _ := io.ReadAll(io.LimitReader(f.reader(), int64(length))) // bytes in memory do not fail
	return start
}

// What is read of a table at most: a file of nothing but separators would cost a hundred
// times its size.
const (
	// MaxColumns is how many columns a line may have.
	MaxColumns = 1_000
	// maxHeader is how long what stands before the rows may be.
	maxHeader = 64 << 10
)

// Error says what is wrong with a table, or with one of its lines.
type Error struct {
	// Line is its number, from 1; 0: the table as a whole.
	Line       int
	Reason     futurisysv1.ViolationReason
	Parameters []any // names and values, for the reason's sentence
}

// Error is the reason's sentence.
func (e *Error) Error() string {
	return fmt.Sprintf("line %d: %s", e.Line, catalogue.Sentence(catalogue.English, e.Reason, catalogue.Parameters(e.Parameters)))
}

func wrong(line int, reason futurisysv1.ViolationReason, parameters ...any) *Error {
	return &Error{line, reason, parameters}
}

// Row is a line of a table: a cell for each column of the header.
type Row struct {
	Line  int
	Cells []string

	// problem is what is wrong with the line; nil: nothing.
	problem *Error
}

// source is where the lines come from: those of a CSV file, or of a sheet.
type source interface {
	// next is the next line that is not empty. io.EOF: there is none. *Error: it does not
	// read, and nothing after it does.
	next() (Row, error)
	// Close frees what it holds.
	Close() error
}

// Table is a table that is being read.
type Table struct {
	source

	header []string
}

// Open finds out what a file is, and reads its header. *Error: it is no table.
func Open(file File) (*Table, error) {
	lines, err := open(file)
	if err != nil {
		return nil, err
	}
	t := &Table{source: lines}
	first, err := lines.next()
	if errors.Is(err, io.EOF) {
		err = wrong(0, futurisysv1.ViolationReason_VIOLATION_REASON_FILE_EMPTY)
	}
	if err != nil {
		return nil, errors.Join(err, lines.Close())
	}
	t.header = trimEmpty(first.Cells)
	for i := range t.header {
		t.header[i] = Text(t.header[i])
	}
	return t, nil
}

func open(file File) (source, error) {
	start := file.start(maxHeader)
	switch kind := kindOf(start); kind {
	case "":
		return openText(file, start)
	case "xlsx":
		return openXLSX(file)
	default:
		if kind == "xls" && file.contains(encrypted) {
			return nil, wrong(0, futurisysv1.ViolationReason_VIOLATION_REASON_PASSWORD)
		}
		return nil, wrong(0, futurisysv1.ViolationReason_VIOLATION_REASON_FILE_KIND, "kind", kind)
	}
}

// encrypted is the name, in UTF-16, of what an xlsx with a password has.
const encrypted = "E\x00n\x00c\x00r\x00y\x00p\x00t\x00e\x00d\x00P\x00a\x00c\x00k\x00a\x00g\x00e\x00"

// contains says whether a text stands in a piece of the file.
func (f File) contains(text string) bool {
	return slices.ContainsFunc(f, func(piece []byte) bool { return bytes.Contains(piece, []byte(text)) })
}

// kindOf is what a file is that begins so; "": perhaps text.
func kindOf(start []byte) string {
	text := strings.ToLower(strings.TrimSpace(strings.TrimPrefix(string(start[:min(len(start), 512)]), byteOrderMark)))
	switch {
	case bytes.HasPrefix(start, []byte("PK\x03\x04")):
		return "xlsx"
	case bytes.HasPrefix(start, []byte("\xd0\xcf\x11\xe0")):
		return "xls"
	case bytes.HasPrefix(start, []byte("\x89PNG")), bytes.HasPrefix(start, []byte("\xff\xd8\xff")):
		return "image"
	case bytes.HasPrefix(start, []byte("\x1f\x8b")):
		return "gzip"
	case strings.HasPrefix(text, "{\\rtf"):
		return "RTF"
	case strings.Contains(text, "schemas-microsoft-com:office:spreadsheet"):
		return "Excel XML"
	case bytes.HasPrefix(start, []byte("%PDF-")):
		return "PDF"
	case strings.HasPrefix(text, "<!doctype html"), strings.HasPrefix(text, "<html"), strings.HasPrefix(text, "<table"), strings.HasPrefix(text, "<?xml"):
		return "HTML"
	case strings.HasPrefix(text, "{"), strings.HasPrefix(text, "["):
		return "JSON"
	}
	return ""
}

// Header are the names of the columns, as they stand there, without blanks around.
func (t *Table) Header() []string { return t.header }

// Next reads the next line that is not empty, with a cell for each column. io.EOF: there is
// none. *Error with Row.Line 0: the table does not read any further; else the line does not
// fit the header, and reading can go on.
func (t *Table) Next() (Row, error) {
	row, err := t.next()
	if err != nil {
		return Row{}, err
	}
	if row.problem != nil {
		return row, row.problem
	}
	cells := row.Cells
	if len(cells) > len(t.header) {
		cells = trimEmpty(cells)
	}
	if found, expected := len(cells), len(t.header); found > expected || found < expected && !t.padded() {
		return row, wrong(row.Line, futurisysv1.ViolationReason_VIOLATION_REASON_WRONG_FIELD_COUNT, "found", found, "expected", expected)
	}
	for len(cells) < len(t.header) {
		cells = append(cells, "")
	}
	return Row{Line: row.Line, Cells: cells}, nil
}

// padded says that lines leave out their last cells where these are empty, as xlsx does.
func (t *Table) padded() bool {
	_, is := t.source.(*xlsxSource)
	return is
}

// trimEmpty leaves out the last cells that are empty: spreadsheets write them where somebody
// once typed.
func trimEmpty(cells []string) []string {
	for len(cells) > 0 && strings.TrimSpace(cells[len(cells)-1]) == "" {
		cells = cells[:len(cells)-1]
	}
	return cells
}

func isEmpty(cells []string) bool { return len(trimEmpty(cells)) == 0 }
