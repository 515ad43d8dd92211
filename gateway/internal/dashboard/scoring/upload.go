package scoring

import (
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/futurisys/futurisys/gateway/internal/dashboard/form"
	"github.com/futurisys/futurisys/gateway/internal/dashboard/outcome"
	"github.com/futurisys/futurisys/gateway/internal/dashboard/ui"
	"github.com/futurisys/futurisys/proto/catalogue"
	"github.com/futurisys/futurisys/services/platform/sheet"

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

// readUpload reads a file of profiles as spreadsheets save them, with a header of the API's
// field names or of the extracts' columns.
func readUpload(v *ui.View, data []byte, version *futurisysv1.ModelVersion) *upload {
	table, err := sheet.Open(sheet.File{data})
	if err != nil {
		return &upload{Problem: tableProblem(v, err)}
	}
	defer table.Close()
	columns, name, u := bindColumns(v, table.Header(), version)
	lines := map[string]int{} // by employee
	for u.Problem == "" {
		row, err := table.Next()
		switch {
		case errors.Is(err, io.EOF):
			if len(u.Rows) == 0 {
				u.Problem = v.T("upload_no_rows")
			}
			return u
		case err != nil && row.Line == 0:
			u.Problem = tableProblem(v, err)
		case len(u.Rows) == outcome.Max:
			u.Problem = v.T("upload_too_many", "Most", v.Integer(outcome.Max))
		case err != nil:
			u.Rows = append(u.Rows, uploadedRow{
				Line: row.Line, Profile: &futurisysv1.EmployeeProfile{},
				Problems: []ui.Problem{{Label: v.T("line", "Line", row.Line), Text: sentence(v, err)}},
			})
		default:
			read := readRow(v, row, columns, name)
			if before, twice := lines[read.Name]; twice && read.Name != "" {
				read.Problems = append(read.Problems, ui.Problem{Label: v.T("line", "Line", row.Line), Text: v.T("upload_repeated", "Name", read.Name, "Line", before)})
			}
			lines[read.Name] = row.Line
			u.Rows = append(u.Rows, read)
		}
	}
	return u
}

// tableProblem says why a file does not read, and where.
func tableProblem(v *ui.View, err error) string {
	said := sentence(v, err)
	if wrong, ok := errors.AsType[*sheet.Error](err); ok && wrong.Line > 0 {
		return v.T("line", "Line", wrong.Line) + " : " + said
	}
	return said
}

// sentence is what is wrong with a table, in the reader's language.
func sentence(v *ui.View, err error) string {
	wrong, ok := errors.AsType[*sheet.Error](err)
	if !ok {
		return v.T("error_form")
	}
	return v.Violation(catalogue.Violation(wrong.Reason, "", wrong.Parameters...))
}

// idColumns are those that may name the employee of a line.
func idColumns() []string { return []string{"id_employee", "employee_id", "id"} }

// bindColumns finds the fields in a header, and where the employee's number is (-1:
// nowhere). A needed column that is missing makes the file unusable.
func bindColumns(v *ui.View, header []string, version *futurisysv1.ModelVersion) (columns []boundColumn, name int, u *upload) {
	u, name = &upload{}, -1
	seen := map[string]bool{}
	for at, cell := range header {
		key := sheet.Key(cell)
		i := slices.IndexFunc(form.Fields(), func(f form.Field) bool { return sheet.Key(f.Name) == key || sheet.Key(f.Column) == key })
		switch {
		case i >= 0 && seen[form.Fields()[i].Name]:
			u.Problem = v.T("upload_twice", "Column", cell)
			return nil, name, u
		case i >= 0:
			seen[form.Fields()[i].Name] = true
			columns = append(columns, boundColumn{&form.Fields()[i], ui.FeatureOf(version, form.Fields()[i].Name), at})
		case slices.Contains(idColumns(), key):
			name = at
		case cell != "":
			u.Ignored = append(u.Ignored, cell)
		}
	}
	var missing []string
	for _, feature := range version.GetFeatures() {
		if feature.GetRequired() && !seen[feature.GetName()] {
			missing = append(missing, columnNames(feature.GetName()))
		}
	}
	if len(columns) == 0 && name < 0 {
		u.Problem = v.T("line", "Line", 1) + " : " + v.Violation(catalogue.Violation(futurisysv1.ViolationReason_VIOLATION_REASON_NOT_THE_HEADER, ""))
	} else if len(missing) > 0 {
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

func readRow(v *ui.View, read sheet.Row, columns []boundColumn, name int) uploadedRow {
	row := uploadedRow{Line: read.Line, Profile: &futurisysv1.EmployeeProfile{}}
	if name >= 0 {
		const longest = 200 // that of the API's row_id
		runes := []rune(strings.TrimSpace(read.Cells[name]))
		row.Name = string(runes[:min(len(runes), longest)])
		if number, ok := sheet.Integer(row.Name); ok { // "4.0", as pandas writes it
			row.Name = strconv.FormatInt(number, 10)
		}
	}
	for _, c := range columns {
		text := plainText(c.field, read.Cells[c.at])
		if problem := c.field.Read(v, row.Profile, text, c.feature, true); problem != "" {
			if shown := sheet.Text(read.Cells[c.at]); shown != "" {
				problem = v.T("upload_value", "Problem", problem, "Value", ui.Shorten(shown))
			}
			row.Problems = append(row.Problems, ui.Problem{Field: c.field.Name, Label: v.FieldName(c.field.Name, c.feature), Text: problem})
		}
	}
	return row
}

// plainText is a cell as a form would have it.
func plainText(field *form.Field, cell string) string {
	switch field.Kind {
	case protoreflect.Int32Kind:
		read := sheet.Integer
		if strings.HasSuffix(field.Name, "_percent") {
			read = sheet.Percent
		}
		if number, ok := read(cell); ok {
			return strconv.FormatInt(number, 10)
		}
	case protoreflect.BoolKind:
		if value, ok := sheet.Boolean(cell); ok {
			return strconv.FormatBool(value)
		}
	}
	return sheet.Text(cell)
}
