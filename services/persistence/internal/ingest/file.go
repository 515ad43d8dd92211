package ingest

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"unicode/utf8"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// File is a file in the pieces that it came in. It is never put together: twice 64 MiB are
// no small matter.
type File [][]byte

// byteOrderMark is what Excel writes before UTF-8.
const byteOrderMark = "\uFEFF"

// reader reads the file from its start, without a byte order mark.
func (f File) reader() io.Reader {
	pieces := make([]io.Reader, len(f))
	for i, piece := range f {
		pieces[i] = bytes.NewReader(piece)
	}
	whole := bufio.NewReader(io.MultiReader(pieces...))
	if start, _ := whole.Peek(len(byteOrderMark)); string(start) == byteOrderMark {
		_, _ = whole.Discard(len(byteOrderMark)) // it was there just now
	}
	return whole
}

// empty says whether there is nothing but white space.
func (f File) empty() bool {
	for _, piece := range f {
		if len(bytes.TrimSpace(piece)) > 0 {
			return false
		}
	}
	return true
}

// checkText refuses a file that is not clean UTF-8 text, and says in which lines.
func checkText(kind Kind, f File, report *Report) bool {
	if f.empty() {
		report.add(kind, 0, "", futurisysv1.ViolationReason_VIOLATION_REASON_FILE_EMPTY)
		return false
	}
	before := len(report.Problems)
	number, said := 1, map[futurisysv1.ViolationReason]bool{} // of this line
	say := func(reason futurisysv1.ViolationReason) {
		if !said[reason] {
			report.add(kind, number, "", reason)
		}
		said[reason] = true
	}
	var cut []byte // the beginning of a character whose end is in the next piece
	for _, piece := range f {
		if len(cut) > 0 {
			piece = append(cut, piece...)
		}
		for cut = nil; len(piece) > 0 && !report.Full(); {
			character, size := utf8.DecodeRune(piece)
			if character == utf8.RuneError && size == 1 {
				if !utf8.FullRune(piece) {
					cut = bytes.Clone(piece)
					break
				}
				say(futurisysv1.ViolationReason_VIOLATION_REASON_FILE_NOT_UTF8)
			}
			switch character {
			case 0:
				say(futurisysv1.ViolationReason_VIOLATION_REASON_FILE_NOT_TEXT)
			case '\n':
				number++
				clear(said)
			}
			piece = piece[size:]
		}
	}
	if len(cut) > 0 {
		say(futurisysv1.ViolationReason_VIOLATION_REASON_FILE_NOT_UTF8)
	}
	return len(report.Problems) == before
}

// maxHeader is how much of a header is looked at for its separator.
const maxHeader = 64 << 10

// separator is what stands between the header's columns: an Excel in French
// writes semicolons.
func separator(f File) rune {
	start, err := bufio.NewReaderSize(f.reader(), maxHeader).ReadSlice('\n')
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, bufio.ErrBufferFull) {
		return ',' // bytes in memory do not fail
	}
	if bytes.Count(start, []byte(";")) > bytes.Count(start, []byte(",")) {
		return ';'
	}
	return ','
}

// tooWide says which line has more columns than are read, if one has: encoding/csv would
// make a string of each first.
func tooWide(f File, comma rune) (line int, wide bool) {
	quoted, columns := false, 1
	line = 1
	for _, piece := range f {
		for _, b := range piece {
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
					return line, true
				}
			}
		}
	}
	return 0, false
}
