package sheet

import (
	"archive/zip"
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
)

// part is one part of a workbook, which is read as it is unpacked.
type part struct {
	unpacked io.ReadCloser
	decoder  *xml.Decoder
	left     int64 // bytes that may be unpacked
	forToken int   // bytes that the next token may take
	// formula and value say whether the last text had one.
	formula, value bool
}

// maxTokenBytes is how much one token may take: all of it is kept.
const maxTokenBytes = 1 << 20

// maxEntries is how many parts an archive may have: a workbook has some dozens.
const maxEntries = 10_000

// openZip opens an archive. Its list of parts is read at once: it must not be a long one.
func openZip(file File) (*zip.Reader, error) {
	signature, entries, size := []byte("PK\x01\x02"), 0, int64(0)
	var seam []byte // the last bytes so far, within which it may begin
	for _, piece := range file {
		size += int64(len(piece))
		entries += bytes.Count(append(seam, piece[:min(len(piece), len(signature)-1)]...), signature) + bytes.Count(piece, signature)
		if entries > maxEntries {
			return nil, errTooLarge
		}
		seam = append(seam, piece[max(0, len(piece)-len(signature)+1):]...)
		seam = seam[max(0, len(seam)-len(signature)+1):]
	}
	archive, err := zip.NewReader(file, size)
	if err != nil {
		return nil, err //nolint:wrapcheck // what is wrong with the file
	}
	return archive, nil
}

// ReadAt reads at a place of the file.
func (f File) ReadAt(into []byte, at int64) (read int, err error) {
	if at < 0 { // an archive may say so
		return 0, errors.New("negative offset")
	}
	for _, piece := range f {
		if at >= int64(len(piece)) {
			at -= int64(len(piece))
			continue
		}
		count := copy(into[read:], piece[at:])
		read, at = read+count, 0
		if read == len(into) {
			return read, nil
		}
	}
	return read, io.EOF
}

// openPart opens a part by its name, of which so much may be unpacked.
func openPart(archive *zip.Reader, name string, maxBytes int64) (*part, error) {
	for _, entry := range archive.File {
		if !strings.EqualFold(entry.Name, name) {
			continue
		}
		unpacked, err := entry.Open()
		if err != nil {
			return nil, err //nolint:wrapcheck // what is wrong with the file
		}
		p := &part{unpacked: unpacked, left: maxBytes}
		p.decoder = xml.NewDecoder(p)
		return p, nil
	}
	return nil, fmt.Errorf("%w: no part %q", errNoWorkbook, name)
}

// Read reads what is unpacked, for the decoder.
func (p *part) Read(into []byte) (int, error) {
	if p.left <= 0 || p.forToken <= 0 {
		return 0, errTooLarge
	}
	read, err := p.unpacked.Read(into)
	p.left -= int64(read)
	p.forToken -= read
	return read, err //nolint:wrapcheck // io.EOF among them
}

// token is the next token, which is good until the one after. Whether elements end where they
// should is not looked at: to remember them would cost what a file likes.
func (p *part) token() (xml.Token, error) {
	p.forToken = maxTokenBytes
	token, err := p.decoder.RawToken()
	if err != nil && !errors.Is(err, io.EOF) && errors.Is(err, errTooLarge) {
		return nil, errTooLarge
	}
	return token, err //nolint:wrapcheck // io.EOF among them
}

// text is the text of an element whose start was just read, to its end: of v and t within it,
// but for rPh. So many bytes at most.
func (p *part) text(element string, maxBytes int) (string, error) {
	var text strings.Builder
	taken, above := false, false
	p.formula, p.value = false, false
	for {
		token, err := p.token()
		if err != nil {
			return "", unexpected(err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			taken, above = p.enter(token.Name.Local), above || token.Name.Local == "rPh"
		case xml.EndElement:
			if token.Name.Local == element {
				return text.String(), nil
			}
			taken, above = false, above && token.Name.Local != "rPh"
		case xml.CharData:
			if !taken || above {
				continue
			}
			if text.Len()+len(token) > maxBytes {
				return "", errTooLarge
			}
			text.Write(token)
		}
	}
}

// enter notes an element within a text, and says whether it has some of it.
func (p *part) enter(element string) bool {
	has := element == "v" || element == "t"
	p.value = p.value || has
	p.formula = p.formula || element == "f"
	return has
}

// Close ends the reading.
func (p *part) Close() error { return p.unpacked.Close() } //nolint:wrapcheck // nothing to add

// unexpected is an error in the middle of something.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// eachElement calls use with the start of each element of a part that is no sheet, until use
// returns an error; io.EOF is none.
func eachElement(archive *zip.Reader, name string, use func(*part, xml.StartElement) error) (err error) {
	p, err := openPart(archive, name, maxPartBytes)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	for {
		token, err := p.token()
		if start, is := token.(xml.StartElement); is && err == nil {
			err = use(p, start)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func attribute(element xml.StartElement, name string) string {
	for _, one := range element.Attr {
		if one.Name.Local == name {
			return one.Value
		}
	}
	return ""
}
