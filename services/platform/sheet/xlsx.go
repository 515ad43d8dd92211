package sheet

import (
	"archive/zip"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"path"
	"strconv"
	"strings"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// What is unpacked of a workbook at most: a few kilobytes may hold gigabytes. Of its sheet
// only a row is kept.
const (
	maxSheetBytes = 256 << 20 // read through; 100,000 lines of people have 100 MB
	maxPartBytes  = 32 << 20  // of the texts that cells share, and of the formats
	maxTextBytes  = 64 << 20  // kept of the texts
	maxRowBytes   = 1 << 20   // of the texts that stand in the cells of a row themselves
	maxFormats    = 1 << 16   // that Excel has
)

var (
	errTooLarge   = errors.New("too large when it is unpacked; save it as CSV")
	errNoWorkbook = errors.New("it has no workbook with a sheet")
)

// xlsxSource are the lines of the first sheet of a workbook, as ECMA-376 writes them.
type xlsxSource struct {
	part   *part
	texts  []string // that cells share
	styles []bool   // by style: whether it shows percentages
	line   int
}

// openXLSX finds the first sheet of a workbook. *Error: there is none that reads.
func openXLSX(file File) (source, error) {
	opened, err := openSheet(file)
	if err != nil {
		return nil, notXLSX(0, err)
	}
	return opened, nil
}

func notXLSX(line int, cause error) *Error {
	return wrong(line, futurisysv1.ViolationReason_VIOLATION_REASON_NOT_XLSX, "cause", cause)
}

func openSheet(file File) (*xlsxSource, error) {
	archive, err := openZip(file)
	if err != nil {
		return nil, err
	}
	book := "xl/workbook.xml"
	if found := relations(archive, "_rels/.rels")["officeDocument"]; found != nil {
		book = strings.TrimPrefix(path.Join("/", found[0].target), "/")
	}
	parts := relations(archive, path.Join(path.Dir(book), "_rels", path.Base(book)+".rels"))
	within := func(r relation) string {
		if path.IsAbs(r.target) {
			return strings.TrimPrefix(r.target, "/")
		}
		return path.Join(path.Dir(book), r.target)
	}
	id, err := firstSheet(archive, book)
	if err != nil {
		return nil, err
	}
	s := &xlsxSource{}
	for kind, found := range parts {
		for _, one := range found {
			switch {
			case kind == "worksheet" && one.id == id:
				s.part, err = openPart(archive, within(one), maxSheetBytes)
			case kind == "sharedStrings":
				s.texts, err = readTexts(archive, within(one))
			case kind == "styles":
				s.styles, err = readStyles(archive, within(one))
			}
			if err != nil {
				return nil, errors.Join(err, s.Close())
			}
		}
	}
	if s.part == nil {
		return nil, errNoWorkbook
	}
	return s, nil
}

// relation is a part that another one names.
type relation struct{ id, target string }

// relations are those of a part, by the last word of their type; none, if it does not read.
func relations(archive *zip.Reader, name string) map[string][]relation {
	found := map[string][]relation{}
	_ = eachElement(archive, name, func(_ *part, element xml.StartElement) error {
		if kind := path.Base(attribute(element, "Type")); element.Name.Local == "Relationship" && len(found[kind]) < MaxColumns {
			found[kind] = append(found[kind], relation{attribute(element, "Id"), attribute(element, "Target")})
		}
		return nil
	})
	return found
}

// firstSheet is the id of the relation of the first sheet.
func firstSheet(archive *zip.Reader, book string) (id string, err error) {
	err = eachElement(archive, book, func(_ *part, element xml.StartElement) error {
		if element.Name.Local == "sheet" {
			id = attribute(element, "id")
			return io.EOF
		}
		return nil
	})
	if err == nil && id == "" {
		err = errNoWorkbook
	}
	return id, err
}

// readTexts reads the texts that cells share. What stands above characters, to be read aloud,
// is none of them.
func readTexts(archive *zip.Reader, name string) ([]string, error) {
	const perText = 32 // of a text that is empty
	var texts []string
	kept := 0
	err := eachElement(archive, name, func(p *part, element xml.StartElement) error {
		if element.Name.Local != "si" {
			return nil
		}
		text, err := p.text("si", maxRowBytes)
		if kept += len(text) + perText; kept > maxTextBytes {
			return errTooLarge
		}
		texts = append(texts, text)
		return err
	})
	return texts, err
}

// readStyles says of each style whether it shows a number as a percentage.
func readStyles(archive *zip.Reader, name string) ([]bool, error) {
	const percent, percentWithDecimals = "9", "10"
	percents := map[string]bool{percent: true, percentWithDecimals: true}
	var styles []bool
	within := false // cellXfs, the styles of cells: others have styles too
	err := eachElement(archive, name, func(_ *part, element xml.StartElement) error {
		switch element.Name.Local {
		case "numFmt":
			percents[attribute(element, "numFmtId")] = strings.Contains(attribute(element, "formatCode"), "%")
		case "cellXfs", "cellStyles":
			within = element.Name.Local == "cellXfs"
		case "xf":
			if within {
				styles = append(styles, percents[attribute(element, "numFmtId")])
			}
		}
		if len(styles) > maxFormats || len(percents) > maxFormats {
			return errTooLarge
		}
		return nil
	})
	return styles, err
}

func (s *xlsxSource) next() (Row, error) {
	for {
		token, err := s.part.token()
		if errors.Is(err, io.EOF) {
			return Row{}, io.EOF
		}
		if err != nil {
			return Row{}, notXLSX(s.line+1, err)
		}
		start, is := token.(xml.StartElement)
		if !is || start.Name.Local != "row" {
			continue
		}
		s.line++
		if number, err := strconv.Atoi(attribute(start, "r")); err == nil && number > 0 {
			s.line = number
		}
		cells, err := s.cells()
		if tooMany, ok := errors.AsType[*Error](err); ok {
			return Row{}, tooMany
		}
		if err != nil {
			return Row{}, notXLSX(s.line, err)
		}
		if !isEmpty(cells) {
			return Row{s.line, cells}, nil
		}
	}
}

// cells reads the cells of a row. Those that are empty may be left out: each says where it
// stands.
func (s *xlsxSource) cells() ([]string, error) {
	var cells []string
	left := maxRowBytes
	for {
		token, err := s.part.token()
		if err != nil {
			return nil, unexpected(err)
		}
		switch token := token.(type) {
		case xml.EndElement:
			if token.Name.Local == "row" {
				return cells, nil
			}
		case xml.StartElement:
			if token.Name.Local != "c" {
				continue
			}
			at := len(cells)
			if place := attribute(token, "r"); place != "" {
				at = columnOf(place)
			}
			if at < 0 || at >= MaxColumns {
				return nil, wrong(s.line, futurisysv1.ViolationReason_VIOLATION_REASON_TOO_MANY_COLUMNS, "max", MaxColumns)
			}
			for len(cells) <= at {
				cells = append(cells, "")
			}
			if cells[at], err = s.cell(token, &left); err != nil {
				return nil, err
			}
		}
	}
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
		if err != nil || at < 0 || at >= len(s.texts) {
			return "", fmt.Errorf("there is no text %q", raw)
		}
		return s.texts[at], nil
	case "b":
		return strings.ToUpper(strconv.FormatBool(strings.TrimSpace(raw) == "1")), nil
	case "", "n":
		at, err := strconv.Atoi(style)
		return number(raw, err == nil && at >= 0 && at < len(s.styles) && s.styles[at]), nil
	default:
		return raw, nil
	}
}

// number is a number as people would write it: without an exponent, and as a percentage where
// the cell shows one.
func number(raw string, percent bool) string {
	if !percent && !strings.ContainsAny(raw, "eE") {
		return raw
	}
	value, err := strconv.ParseFloat(raw, 64)
	if err != nil {
		return raw
	}
	if !percent {
		return strconv.FormatFloat(value, 'f', -1, 64)
	}
	const precision = 1e10 // what 0.07 times 100 is beyond 7 is of no meaning
	return strconv.FormatFloat(math.Round(value*100*precision)/precision, 'f', -1, 64) + "%"
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
