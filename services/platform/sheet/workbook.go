package sheet

import (
	"archive/zip"
	"encoding/xml"
	"math"
	"path"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// workbook is what the sheets of a workbook share.
type workbook struct {
	sheets  []relation // that are shown, each with its name as target
	texts   []string
	formats []format // by style
	// recalculated: results of formulas are computed when it is opened, and what is stored is
	// none.
	recalculated bool
	from1904     bool // days are counted from there
}

// format is how a cell shows a number.
type format int

const (
	plain format = iota
	percent
	date
)

// openBook reads what the sheets share, and finds their parts by the ids of their relations.
func openBook(archive *zip.Reader) (book *workbook, sheets map[string]string, err error) {
	name := "xl/workbook.xml"
	if found := relations(archive, "_rels/.rels")["officeDocument"]; found != nil {
		name = strings.TrimPrefix(path.Join("/", found[0].target), "/")
	}
	if book, err = readBook(archive, name); err != nil {
		return nil, nil, err
	}
	sheets = map[string]string{}
	for kind, found := range relations(archive, path.Join(path.Dir(name), "_rels", path.Base(name)+".rels")) {
		for _, one := range found {
			within := path.Join(path.Dir(name), one.target)
			if path.IsAbs(one.target) {
				within = strings.TrimPrefix(one.target, "/")
			}
			switch kind {
			case "worksheet":
				sheets[one.id] = within
			case "sharedStrings":
				book.texts, err = readTexts(archive, within)
			case "styles":
				book.formats, err = readFormats(archive, within)
			}
			if err != nil {
				return nil, nil, err
			}
		}
	}
	return book, sheets, nil
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

// readBook reads which sheets there are. Those that are hidden are left out, unless all are.
func readBook(archive *zip.Reader, name string) (*workbook, error) {
	book := &workbook{}
	var hidden []relation
	err := eachElement(archive, name, func(_ *part, element xml.StartElement) error {
		switch element.Name.Local {
		case "sheet":
			sheet := relation{attribute(element, "id"), attribute(element, "name")}
			if state := attribute(element, "state"); state == "" || state == "visible" {
				book.sheets = append(book.sheets, sheet)
			} else {
				hidden = append(hidden, sheet)
			}
		case "calcPr":
			book.recalculated = isTrue(attribute(element, "fullCalcOnLoad"))
		case "workbookPr":
			book.from1904 = isTrue(attribute(element, "date1904"))
		}
		if len(book.sheets)+len(hidden) > MaxColumns {
			return errTooLarge
		}
		return nil
	})
	if len(book.sheets) == 0 {
		book.sheets = hidden
	}
	if err == nil && len(book.sheets) == 0 {
		err = errNoWorkbook
	}
	return book, err
}

func isTrue(text string) bool { return text == "1" || text == "true" }

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

// readFormats reads how each style shows a number.
func readFormats(archive *zip.Reader, name string) ([]format, error) {
	known := map[string]format{"9": percent, "10": percent}
	for _, dates := range [][2]int{{14, 22}, {27, 36}, {45, 47}, {50, 58}} { // of Excel itself
		for id := dates[0]; id <= dates[1]; id++ {
			known[strconv.Itoa(id)] = date
		}
	}
	var formats []format
	within := false // cellXfs, the styles of cells: others have styles too
	err := eachElement(archive, name, func(_ *part, element xml.StartElement) error {
		switch element.Name.Local {
		case "numFmt":
			known[attribute(element, "numFmtId")] = formatOf(attribute(element, "formatCode"))
		case "cellXfs", "cellStyles":
			within = element.Name.Local == "cellXfs"
		case "xf":
			if within {
				formats = append(formats, known[attribute(element, "numFmtId")])
			}
		}
		if len(formats) > maxFormats || len(known) > maxFormats {
			return errTooLarge
		}
		return nil
	})
	return formats, err
}

// literal is what stands in the code of a format as it is to be shown, or what is no part of
// a number.
var literal = regexp.MustCompile(`"[^"]*"|\\.|_.|\*.|\[[^\]]*\]`)

// formatOf is what a format's code means: "0 %" and d/m/yyyy, but not 0" %".
func formatOf(code string) format {
	code, _, _ = strings.Cut(strings.ToLower(literal.ReplaceAllString(code, "")), ";")
	switch {
	case strings.Contains(code, "%"):
		return percent
	case code != "general" && strings.ContainsAny(code, "dmyhs"):
		return date
	}
	return plain
}

// number is a number as people would write it: without an exponent, and as a percentage or a
// date where the cell shows one.
func (b *workbook) number(raw string, shown format) string {
	if shown == plain && !strings.ContainsAny(raw, "eE") {
		return raw
	}
	value, err := strconv.ParseFloat(raw, 64)
	if err != nil {
		return raw
	}
	switch shown {
	case percent:
		const precision = 1e10 // what 0.07 times 100 is beyond 7 is of no meaning
		return strconv.FormatFloat(math.Round(value*100*precision)/precision, 'f', -1, 64) + "%"
	case date:
		return b.day(value)
	default:
		return strconv.FormatFloat(value, 'f', -1, 64)
	}
}

// formatOf is how a style shows a number; plain, if there is no such style.
func (b *workbook) formatOf(style string) format {
	if at, err := strconv.Atoi(style); err == nil && at >= 0 && at < len(b.formats) {
		return b.formats[at]
	}
	return plain
}

// day is the date of so many days: what is a number in the file is none to people.
func (b *workbook) day(days float64) string {
	const maxDays = 2_958_465 // of the year 9999
	if days < 0 || days > maxDays {
		return "a date"
	}
	first := time.Date(1899, time.December, 30, 0, 0, 0, 0, time.UTC)
	if b.from1904 {
		first = time.Date(1904, time.January, 1, 0, 0, 0, 0, time.UTC)
	}
	return first.AddDate(0, 0, int(days)).Format(time.DateOnly)
}
