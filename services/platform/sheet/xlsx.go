package sheet

import (
	"archive/zip"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// What is unpacked of a workbook at most: a few kilobytes may hold gigabytes. Of its sheet
// only a row is kept.
const (
	maxSheetBytes = 256 << 20 // read through; 100,000 lines of people have 100 MB
	maxPartBytes  = 32 << 20  // of the texts that cells share, and of the formats
	maxTextBytes  = 48 << 20  // kept of the texts
	maxRowBytes   = 1 << 20   // of the texts that stand in the cells of a row themselves
	maxFormats    = 1 << 16   // that Excel has
)

var (
	errTooLarge   = errors.New("too large when it is unpacked; save it as CSV")
	errNoWorkbook = errors.New("it has no workbook with a sheet")
)

// xlsxSource are the lines of a sheet of a workbook, as ECMA-376 writes them.
type xlsxSource struct {
	book *workbook
	part *part
	line int
	// first was read to see whether the sheet has any line; nil: it was handed out.
	first *Row
}

// openXLSX opens the sheet of a workbook that has lines. *Error: there is none that reads, or
// another one has lines of the same columns.
func openXLSX(file File) (source, error) {
	archive, err := openZip(file)
	if err != nil {
		return nil, notXLSX(0, err)
	}
	opened, err := openSheet(archive)
	if errors.Is(err, errNoWorkbook) {
		return nil, wrong(0, futurisysv1.ViolationReason_VIOLATION_REASON_FILE_KIND, "kind", kindOfArchive(archive))
	}
	if known, ok := errors.AsType[*Error](err); ok {
		return nil, known
	}
	if err != nil {
		return nil, notXLSX(0, err)
	}
	return opened, nil
}

// notXLSX is what a file is refused for that does not read, or is too large.
func notXLSX(line int, cause error) *Error {
	if errors.Is(cause, errTooLarge) {
		return wrong(line, futurisysv1.ViolationReason_VIOLATION_REASON_TOO_LARGE_UNPACKED)
	}
	return wrong(line, futurisysv1.ViolationReason_VIOLATION_REASON_NOT_XLSX)
}

// kindOfArchive is what an archive is that holds no xlsx.
func kindOfArchive(archive *zip.Reader) string {
	for _, entry := range archive.File {
		switch {
		case entry.Name == "content.xml":
			return "OpenDocument"
		case strings.HasSuffix(entry.Name, "workbook.bin"):
			return "xlsb"
		case strings.HasPrefix(entry.Name, "word/"):
			return "docx"
		case strings.HasPrefix(entry.Name, "Index/"):
			return "Numbers"
		}
	}
	return "zip"
}

// openSheet opens the first sheet with lines among those that are shown.
func openSheet(archive *zip.Reader) (*xlsxSource, error) {
	book, parts, err := openBook(archive)
	if err != nil {
		return nil, err
	}
	var chosen *xlsxSource
	var name string
	for _, sheet := range book.sheets {
		if parts[sheet.id] == "" { // no sheet of cells
			continue
		}
		opened, err := openPart(archive, parts[sheet.id], maxSheetBytes)
		if err != nil {
			return nil, closeAfter(chosen, err)
		}
		s := &xlsxSource{book: book, part: opened}
		first, err := s.next()
		switch {
		case errors.Is(err, io.EOF):
			err = s.Close()
		case err != nil:
			err = errors.Join(err, s.Close())
		case chosen == nil:
			chosen, name, s.first = s, sheet.target, &first
		case sameHeader(chosen.first.Cells, first.Cells):
			err = errors.Join(wrong(0, futurisysv1.ViolationReason_VIOLATION_REASON_SEVERAL_SHEETS, "sheets", name+", "+sheet.target), s.Close())
		default:
			err = s.Close()
		}
		if err != nil {
			return nil, closeAfter(chosen, err)
		}
	}
	if chosen == nil {
		return nil, wrong(0, futurisysv1.ViolationReason_VIOLATION_REASON_FILE_EMPTY)
	}
	return chosen, nil
}

func closeAfter(opened *xlsxSource, err error) error {
	if opened == nil {
		return err
	}
	return errors.Join(err, opened.Close())
}

func sameHeader(a, b []string) bool {
	return slices.EqualFunc(trimEmpty(a), trimEmpty(b), func(x, y string) bool { return Key(x) == Key(y) })
}

func (s *xlsxSource) next() (Row, error) {
	if s.first != nil {
		first := *s.first
		s.first = nil
		return first, nil
	}
	for {
		token, err := s.part.token()
		if errors.Is(err, io.EOF) {
			return Row{}, io.EOF
		}
		if err != nil {
			return Row{}, notXLSX(s.line+1, err)
		}
		start, is := token.(xml.StartElement)
		if is && start.Name.Local == "mergeCell" {
			return Row{}, wrong(0, futurisysv1.ViolationReason_VIOLATION_REASON_MERGED_CELLS, "range", attribute(start, "ref"))
		}
		if !is || start.Name.Local != "row" {
			continue
		}
		row, err := s.row(start)
		if err != nil || !isEmpty(row.Cells) || row.problem != nil {
			return row, err
		}
	}
}

// row reads a row whose start was just read. *Error: it does not read, and nothing after it.
func (s *xlsxSource) row(start xml.StartElement) (Row, error) {
	s.line++
	if number, err := strconv.Atoi(attribute(start, "r")); err == nil && number > 0 {
		s.line = number
	}
	row := Row{Line: s.line}
	left := maxRowBytes
	for {
		token, err := s.part.token()
		if err != nil {
			return Row{}, notXLSX(s.line, unexpected(err))
		}
		switch token := token.(type) {
		case xml.EndElement:
			if token.Name.Local == "row" {
				return row, nil
			}
		case xml.StartElement:
			if token.Name.Local != "c" {
				continue
			}
			if err := s.addCell(&row, token, &left); err != nil {
				return Row{}, err
			}
		}
	}
}

// addCell reads a cell whose start was just read to its place in a row: cells that are empty
// may be left out.
func (s *xlsxSource) addCell(row *Row, start xml.StartElement, left *int) error {
	at, place := len(row.Cells), attribute(start, "r")
	if place != "" {
		at = columnOf(place)
	}
	if at < 0 || at >= MaxColumns {
		return wrong(s.line, futurisysv1.ViolationReason_VIOLATION_REASON_TOO_MANY_COLUMNS, "max", MaxColumns)
	}
	for len(row.Cells) <= at {
		row.Cells = append(row.Cells, "")
	}
	value, err := s.cell(start, left)
	if err != nil {
		return notXLSX(s.line, err)
	}
	row.Cells[at] = value
	if row.problem == nil && s.part.formula && (!s.part.value || s.book.recalculated) {
		row.problem = wrong(s.line, futurisysv1.ViolationReason_VIOLATION_REASON_FORMULA_WITHOUT_VALUE, "cell", place)
	}
	return nil
}

// cell reads a cell whose start was just read. What stands in it takes from what is left.
func (s *xlsxSource) cell(start xml.StartElement, left *int) (string, error) {
	kind, style := attribute(start, "t"), attribute(start, "s")
	raw, err := s.part.text("c", *left)
	if err != nil {
		return "", err
	}
	*left -= len(raw)
	return s.value(kind, style, raw)
}

// value is what a cell of a kind and a style shows.
func (s *xlsxSource) value(kind, style, raw string) (string, error) {
	switch kind {
	case "s":
		at, err := strconv.Atoi(strings.TrimSpace(raw))
		if err != nil || at < 0 || at >= len(s.book.texts) {
			return "", fmt.Errorf("there is no text %q", raw)
		}
		return s.book.texts[at], nil
	case "b":
		return strings.ToUpper(strconv.FormatBool(strings.TrimSpace(raw) == "1")), nil
	case "", "n":
		return s.book.number(raw, s.book.formatOf(style)), nil
	default:
		return raw, nil
	}
}

// columnOf is the place of a column, from 0, by the name of a cell: 27 of AB12.
func columnOf(cell string) int {
	const letters = 26
	at := 0
	for _, letter := range cell {
		if letter < 'A' || letter > 'Z' || at > MaxColumns {
			break
		}
		at = at*letters + int(letter-'A') + 1
	}
	return at - 1
}

// Close frees what it holds.
func (s *xlsxSource) Close() error {
	if s.part == nil {
		return nil
	}
	return s.part.Close()
}
