package sheet

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/unicode"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// byteOrderMark is what Excel writes before UTF-8.
const byteOrderMark = "\uFEFF"

// csvSource are the lines of a CSV file.
type csvSource struct {
	reader  *csv.Reader
	skipped int // lines before the reader's first
}

// openText finds out how a file of text is written.
func openText(file File, start []byte) (source, error) {
	decoded := func() io.Reader { return newlines{bufio.NewReader(decode(file, start))} }
	if err := checkText(decoded()); err != nil {
		return nil, err
	}
	lines := bufio.NewReaderSize(decoded(), maxHeader)
	skipped := 0
	comma, given := givenSeparator(lines)
	if given {
		skipped = 1
	} else {
		var err error
		if comma, err = separator(lines); err != nil {
			return nil, err
		}
	}
	wide := bufio.NewReader(decoded())
	if given {
		_, _ = wide.ReadBytes('\n') // the line that names the separator
	}
	if line := tooWide(wide, comma); line > 0 {
		return nil, wrong(line+skipped, futurisysv1.ViolationReason_VIOLATION_REASON_TOO_MANY_COLUMNS, "max", MaxColumns)
	}
	reader := csv.NewReader(lines)
	reader.Comma, reader.FieldsPerRecord, reader.ReuseRecord = comma, -1, false
	return &csvSource{reader, skipped}, nil
}

// decode reads a file as UTF-8, whether it is that or UTF-16.
func decode(file File, start []byte) io.Reader {
	marked := bytes.HasPrefix(start, []byte("\xff\xfe")) || bytes.HasPrefix(start, []byte("\xfe\xff"))
	order, plain := halves(start)
	if marked || plain {
		return unicode.UTF16(order, unicode.UseBOM).NewDecoder().Reader(file.reader())
	}
	whole := bufio.NewReader(file.reader())
	if mark, _ := whole.Peek(len(byteOrderMark)); string(mark) == byteOrderMark {
		_, _ = whole.Discard(len(byteOrderMark)) // it was there just now
	}
	return whole
}

// halves says whether a text without a mark is UTF-16: every other byte of plain letters is
// zero.
func halves(start []byte) (unicode.Endianness, bool) {
	zeros := [2]int{}
	for i, b := range start {
		if b == 0 {
			zeros[i%2]++
		}
	}
	const most = 4 // of its characters, a quarter at least
	switch characters := len(start) / 2; {
	case zeros[1] > characters/most && zeros[0] == 0:
		return unicode.LittleEndian, true
	case zeros[0] > characters/most && zeros[1] == 0:
		return unicode.BigEndian, true
	}
	return unicode.LittleEndian, false
}

// newlines writes all ends of lines as \n: old Macs wrote \r alone.
type newlines struct{ *bufio.Reader }

// Read reads on.
func (n newlines) Read(p []byte) (int, error) {
	done := 0
	for done < len(p) {
		b, err := n.ReadByte()
		if err != nil {
			if done > 0 {
				return done, nil
			}
			return 0, err //nolint:wrapcheck // io.EOF, of bytes in memory
		}
		if b == '\r' {
			if next, err := n.Peek(1); err == nil && next[0] == '\n' {
				continue // the line ends with the next byte
			}
			b = '\n'
		}
		p[done] = b
		done++
	}
	return done, nil
}

// checkText refuses what is no clean UTF-8 text, and says where it first is not.
func checkText(text io.Reader) error {
	reader := bufio.NewReader(text)
	empty := true
	for line := 1; ; {
		character, size, err := reader.ReadRune()
		switch {
		case errors.Is(err, io.EOF) && empty:
			return wrong(0, futurisysv1.ViolationReason_VIOLATION_REASON_FILE_EMPTY)
		case err != nil:
			return nil //nolint:nilerr // io.EOF, of bytes in memory
		case character == utf8.RuneError && size == 1:
			return wrong(line, futurisysv1.ViolationReason_VIOLATION_REASON_FILE_NOT_UTF8)
		case character == 0:
			return wrong(line, futurisysv1.ViolationReason_VIOLATION_REASON_FILE_NOT_TEXT)
		case character == '\n':
			line++
		case empty && !strings.ContainsRune(" \t\uFEFF", character):
			empty = false
		}
	}
}

// givenSeparator reads the line "sep=;" that Excel understands, where there is one.
func givenSeparator(lines *bufio.Reader) (rune, bool) {
	const name = "sep="
	start, _ := lines.Peek(len(name) + 2) //nolint:mnd // the separator and the line's end
	if len(start) < len(name)+1 || !strings.EqualFold(string(start[:len(name)]), name) {
		return 0, false
	}
	if _, err := lines.ReadString('\n'); err != nil && !errors.Is(err, io.EOF) {
		return 0, false
	}
	return rune(start[len(name)]), true
}

// separators are what may stand between columns.
const separators = ",;\t"

// separator is what stands between the columns of the first line that is not empty.
func separator(lines *bufio.Reader) (rune, error) {
	start, _ := lines.Peek(maxHeader) // as much as there is
	header, number := "", 0
	for line := range strings.Lines(string(start)) {
		number++
		if header = strings.TrimSpace(line); header != "" {
			break
		}
	}
	best, most := ',', 0
	for _, candidate := range separators {
		if count := strings.Count(header, string(candidate)); count > most {
			best, most = candidate, count
		}
	}
	const foreign = "|^"
	if most == 0 && strings.ContainsAny(header, foreign) {
		other := header[strings.IndexAny(header, foreign)]
		return 0, wrong(number, futurisysv1.ViolationReason_VIOLATION_REASON_UNKNOWN_SEPARATOR, "found", string(other))
	}
	return best, nil
}

// tooWide is the first line that has more columns than are read, 0: none has. encoding/csv
// would make a string of each first.
func tooWide(text *bufio.Reader, comma rune) int {
	quoted, columns := false, 1
	for line := 1; ; {
		b, err := text.ReadByte()
		if err != nil {
			return 0
		}
		switch {
		case b == '"':
			quoted = !quoted
		case b == '\n':
			line++
			if !quoted {
				columns = 1
			}
		case rune(b) == comma && !quoted:
			if columns++; columns > MaxColumns {
				return line
			}
		}
	}
}

func (s *csvSource) next() (Row, error) {
	for {
		cells, err := s.reader.Read()
		if parse, ok := errors.AsType[*csv.ParseError](err); ok {
			return Row{}, wrong(parse.Line+s.skipped, futurisysv1.ViolationReason_VIOLATION_REASON_NOT_CSV, "cause", parse.Err)
		}
		if err != nil {
			return Row{}, err //nolint:wrapcheck // io.EOF, of bytes in memory
		}
		if isEmpty(cells) {
			continue
		}
		line, _ := s.reader.FieldPos(0)
		return Row{Line: line + s.skipped, Cells: cells}, nil
	}
}

// Close frees nothing.
func (*csvSource) Close() error { return nil }
