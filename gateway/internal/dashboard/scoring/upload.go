package scoring

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/futurisys/futurisys/gateway/internal/dashboard/form"
	"github.com/futurisys/futurisys/gateway/internal/dashboard/outcome"
	"github.com/futurisys/futurisys/gateway/internal/dashboard/ui"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// upload is a file of profiles as it was read.
type upload struct {
	Rows    []uploadedRow
	Ignored []string // columns that are not used
	// Problem is why the file as a whole cannot be used; "": it can.
	Problem string
}

// uploadedRow is one line.
type uploadedRow struct {
	Line     int
	Name     string // the employee number that the file gives, "": none
	Profile  *futurisysv1.EmployeeProfile
	Problems []ui.Problem
}

// Good are the rows that can be scored.
func (u *upload) Good() []uploadedRow {
	return slices.DeleteFunc(slices.Clone(u.Rows), func(row uploadedRow) bool { return len(row.Problems) > 0 })
}

// Bad are the rows that cannot, each with all that is wrong.
func (u *upload) Bad(v *ui.View) []outcome.BadRow {
	var out []outcome.BadRow
	for _, row := range u.Rows {
		if len(row.Problems) > 0 {
			out = append(out, outcome.BadRow{Name: row.title(v), Problems: row.Problems})
		}
	}
	return out
}

func (row *uploadedRow) title(v *ui.View) string { return ui.RowTitle(v, row.Line, row.Name) }

// boundColumn is a column of a file and the field that it holds.
type boundColumn struct {
	field   *form.Field
	feature *futurisysv1.ModelFeature
	at      int
}

// readUpload reads a file of profiles: UTF-8, with a header of the API's field names or
// of the extracts' columns, separated by comma, semicolon or tab.
func readUpload(v *ui.View, data []byte, version *futurisysv1.ModelVersion) *upload {
	data = bytes.TrimPrefix(data, []byte("\uFEFF"))
	switch {
	case len(bytes.TrimSpace(data)) == 0:
		return &upload{Problem: v.T("upload_empty")}
	case !utf8.Valid(data):
		return &upload{Problem: v.T("upload_encoding")}
	case bytes.IndexByte(data, 0) >= 0:
		return &upload{Problem: v.T("upload_binary")}
	}
	reader := csv.NewReader(bytes.NewReader(data))
	reader.Comma = separatorOf(data)
	reader.FieldsPerRecord = -1 // counted here, so that every bad line is named
	header, err := reader.Read()
	if err != nil {
		return &upload{Problem: csvProblem(v, err)}
	}
	columns, name, u := bindColumns(v, header, version)
	for u.Problem == "" {
		record, err := reader.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			u.Problem = csvProblem(v, err)
			break
		}
		if len(u.Rows) == outcome.Max {
			u.Problem = v.T("upload_too_many", "Most", v.Integer(outcome.Max))
			break
		}
		line, _ := reader.FieldPos(0)
		u.Rows = append(u.Rows, readRow(v, line, record, len(header), columns, name))
	}
	if u.Problem == "" && len(u.Rows) == 0 {
		u.Problem = v.T("upload_no_rows")
	}
	return u
}

// separatorOf is what stands between the header's columns.
func separatorOf(data []byte) rune {
	header, _, _ := bytes.Cut(data, []byte("\n"))
	best, highest := ',', 0
	for _, candidate := range []rune{',', ';', '\t'} {
		if count := bytes.Count(header, []byte(string(candidate))); count > highest {
			best, highest = candidate, count
		}
	}
	return best
}

func csvProblem(v *ui.View, err error) string {
	if parse, ok := errors.AsType[*csv.ParseError](err); ok {
		return v.T("upload_csv", "Line", parse.Line)
	}
	return v.T("upload_empty")
}

// idColumns are those that may name the employee of a line.
func idColumns() []string { return []string{"id_employee", "employee_id", "id"} }

// bindColumns finds the fields in a header, and where the employee's number is (-1:
// nowhere). A needed column that is missing makes the file unusable.
func bindColumns(v *ui.View, header []string, version *futurisysv1.ModelVersion) (columns []boundColumn, name int, u *upload) {
	u, name = &upload{}, -1
	seen := map[string]bool{}
	for at, cell := range header {
		cell = strings.TrimSpace(cell)
		i := slices.IndexFunc(form.Fields(), func(f form.Field) bool { return f.Name == cell || f.Column == cell })
		switch {
		case i >= 0 && seen[form.Fields()[i].Name]:
			u.Problem = v.T("upload_twice", "Column", cell)
			return nil, name, u
		case i >= 0:
			seen[form.Fields()[i].Name] = true
			columns = append(columns, boundColumn{&form.Fields()[i], ui.FeatureOf(version, form.Fields()[i].Name), at})
		case slices.Contains(idColumns(), cell):
			name = at
		default:
			u.Ignored = append(u.Ignored, cell)
		}
	}
	var missing []string
	for _, feature := range version.GetFeatures() {
		if feature.GetRequired() && !seen[feature.GetName()] {
			missing = append(missing, columnNames(feature.GetName()))
		}
	}
	if len(missing) > 0 {
		u.Problem = v.T("upload_missing", "Columns", strings.Join(missing, ", "))
	}
	return columns, name, u
}

// columnNames are both names of a column.
func columnNames(name string) string {
	i := slices.IndexFunc(form.Fields(), func(f form.Field) bool { return f.Name == name })
	if i < 0 {
		return name
	}
	return name + " (" + form.Fields()[i].Column + ")"
}

func readRow(v *ui.View, line int, record []string, width int, columns []boundColumn, name int) uploadedRow {
	row := uploadedRow{Line: line, Profile: &futurisysv1.EmployeeProfile{}}
	if len(record) != width {
		row.Problems = []ui.Problem{{Label: v.T("line", "Line", line), Text: v.T("upload_width", "Found", len(record), "Wanted", width)}}
		return row
	}
	if name >= 0 {
		const longest = 200 // that of the API's row_id
		runes := []rune(strings.TrimSpace(record[name]))
		row.Name = string(runes[:min(len(runes), longest)])
	}
	for _, c := range columns {
		text := plainText(c.field, strings.TrimSpace(record[c.at]))
		if problem := c.field.Read(v, row.Profile, text, c.feature, true); problem != "" {
			row.Problems = append(row.Problems, ui.Problem{Field: c.field.Name, Label: v.FieldName(c.field.Name, c.feature), Text: problem})
		}
	}
	return row
}

// plainText is a cell as a form would have it: the extracts write "11 %" and Oui.
func plainText(field *form.Field, cell string) string {
	switch field.Kind {
	case protoreflect.Int32Kind:
		if number, isPercent := strings.CutSuffix(cell, "%"); isPercent {
			return strings.TrimRight(number, " \u00a0\u202f")
		}
	case protoreflect.BoolKind:
		switch strings.ToLower(cell) {
		case "oui", "yes", "true":
			return "true"
		case "non", "no", "false":
			return "false"
		}
	}
	return cell
}
