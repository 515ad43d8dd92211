package sheet

import (
	"errors"
	"io"
	"strings"

	"github.com/xuri/excelize/v2"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// maxUnzipped is how large the parts of an xlsx may be when they are unpacked: a few
// kilobytes may hold gigabytes of zeros, and of what is unpacked twice as much is made.
const maxUnzipped = 64 << 20

var errTooLarge = errors.New("too large when it is unpacked; save it as CSV")

// xlsxSource are the lines of the first sheet of a workbook.
type xlsxSource struct {
	workbook *excelize.File
	rows     *excelize.Rows
	line     int
}

func openXLSX(file File) (source, error) {
	refused := func(cause error) error {
		if strings.Contains(cause.Error(), "unzip size exceeds") { // excelize has no error of its own for it
			cause = errTooLarge
		}
		return wrong(0, futurisysv1.ViolationReason_VIOLATION_REASON_NOT_XLSX, "cause", cause)
	}
	// Both limits are the same, so that nothing about people goes to a temporary file.
	workbook, err := excelize.OpenReader(file.reader(), excelize.Options{UnzipSizeLimit: maxUnzipped, UnzipXMLSizeLimit: maxUnzipped})
	if err != nil {
		return nil, refused(err)
	}
	sheets := workbook.GetSheetList()
	if len(sheets) == 0 {
		return nil, errors.Join(refused(errors.New("it has no sheet")), workbook.Close())
	}
	rows, err := workbook.Rows(sheets[0])
	if err != nil {
		return nil, errors.Join(refused(err), workbook.Close())
	}
	return &xlsxSource{workbook: workbook, rows: rows}, nil
}

func (s *xlsxSource) next() (Row, error) {
	for s.rows.Next() {
		s.line++
		cells, err := s.rows.Columns()
		switch {
		case err != nil:
			return Row{}, wrong(s.line, futurisysv1.ViolationReason_VIOLATION_REASON_NOT_XLSX, "cause", err)
		case len(cells) > MaxColumns:
			return Row{}, wrong(s.line, futurisysv1.ViolationReason_VIOLATION_REASON_TOO_MANY_COLUMNS, "max", MaxColumns)
		case !isEmpty(cells):
			return Row{s.line, cells}, nil
		}
	}
	if err := s.rows.Error(); err != nil {
		return Row{}, wrong(s.line, futurisysv1.ViolationReason_VIOLATION_REASON_NOT_XLSX, "cause", err)
	}
	return Row{}, io.EOF
}

// Close frees the workbook.
func (s *xlsxSource) Close() error { return errors.Join(s.rows.Close(), s.workbook.Close()) }
