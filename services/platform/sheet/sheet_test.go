package sheet_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/xuri/excelize/v2"

	"github.com/futurisys/futurisys/services/platform/sheet"
)

// read is all of a table as text: a line for each row, what is wrong with one, and what ended
// the reading.
func read(content []byte) string {
	const pieceBytes = 7 // cuts anywhere
	table, err := sheet.Open(slices.Collect(slices.Chunk(content, pieceBytes)))
	if err != nil {
		return "no table: " + err.Error()
	}
	defer table.Close()
	var out strings.Builder
	out.WriteString(strings.Join(table.Header(), "|"))
	for {
		row, err := table.Next()
		switch {
		case errors.Is(err, io.EOF):
			return out.String()
		case err != nil:
			fmt.Fprintf(&out, "\n%s", err)
			if row.Line == 0 {
				return out.String()
			}
		default:
			fmt.Fprintf(&out, "\n%d:%s", row.Line, strings.Join(row.Cells, "|"))
		}
	}
}

func utf16Of(text string, order func(uint16) []byte) []byte {
	var out []byte
	for _, unit := range utf16.Encode([]rune(text)) {
		out = append(out, order(unit)...)
	}
	return out
}

func little(unit uint16) []byte { return []byte{byte(unit), byte(unit >> 8)} }
func big(unit uint16) []byte    { return []byte{byte(unit >> 8), byte(unit)} }

// workbook is an xlsx with such cells.
func workbook(t testing.TB, rows [][]any) []byte {
	t.Helper()
	file := excelize.NewFile()
	defer file.Close()
	for i, row := range rows {
		if err := file.SetSheetRow("Sheet1", fmt.Sprintf("A%d", i+1), &row); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	if err := file.Write(&out); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestTablesAsPeopleSaveThem(t *testing.T) {
	const plain, want = "id,nom\n1,Élodie\n2,Zoé\n", "id|nom\n2:1|Élodie\n3:2|Zoé"
	for name, test := range map[string]struct {
		content []byte
		want    string
	}{
		"comma":               {[]byte(plain), want},
		"semicolon":           {[]byte(strings.ReplaceAll(plain, ",", ";")), want},
		"tab":                 {[]byte(strings.ReplaceAll(plain, ",", "\t")), want},
		"a mark":              {[]byte("\uFEFF" + plain), want},
		"Windows' lines":      {[]byte(strings.ReplaceAll(plain, "\n", "\r\n")), want},
		"an old Mac's lines":  {[]byte(strings.ReplaceAll(plain, "\n", "\r")), want},
		"no end of line":      {[]byte(strings.TrimSpace(plain)), want},
		"UTF-16":              {utf16Of("\uFEFF"+strings.ReplaceAll(plain, ",", "\t"), little), want},
		"UTF-16, big":         {utf16Of("\uFEFF"+plain, big), want},
		"UTF-16 without mark": {utf16Of(plain, little), want},
		"sep=":                {[]byte("sep=;\n" + strings.ReplaceAll(plain, ",", ";")), "id|nom\n3:1|Élodie\n4:2|Zoé"},
		"SEP= of Windows":     {[]byte("SEP=;\r\n" + strings.ReplaceAll(plain, ",", ";")), "id|nom\n3:1|Élodie\n4:2|Zoé"},
		"empty lines":         {[]byte("\n\nid,nom\n\n1,Élodie\n,\n2,Zoé\n\n"), "id|nom\n5:1|Élodie\n7:2|Zoé"},
		"empty columns":       {[]byte("id,nom,,\n1,Élodie,,\n2,Zoé, ,\n"), want},
		"blanks in a header":  {[]byte(" id ,\"nom\u00a0 de\nfamille\"\n1,x\n"), "id|nom de famille\n3:1|x"},
		"quoted":              {[]byte("id,nom\n1,\"a \"\"b\"\", c\"\n"), "id|nom\n2:1|a \"b\", c"},
		"one column":          {[]byte("id\n1\n2\n"), "id\n2:1\n3:2"},
		"a workbook":          {workbook(t, [][]any{{"id", "nom"}, {1, "Élodie"}, {}, {2, "Zoé"}}), "id|nom\n2:1|Élodie\n4:2|Zoé"},
		"a workbook's gaps":   {workbook(t, [][]any{{"id", "nom", "age"}, {1}, {2, "Zoé", 40.5}}), "id|nom|age\n2:1||\n3:2|Zoé|40.5"},
		"too few cells":       {[]byte("id,nom\n1\n2,Zoé\n"), "id|nom\nline 2: has 1 fields, the header has 2\n3:2|Zoé"},
		"too many cells":      {[]byte("id,nom\n1,a,b\n"), "id|nom\nline 2: has 3 fields, the header has 2"},
		"an open quote":       {[]byte("id,nom\n1,\"a\n"), "id|nom\nline 2: not CSV: extraneous or missing \" in quoted-field"},
		"nothing":             {nil, "no table: line 0: the file is empty"},
		"only blanks":         {[]byte(" \n\t\r\n"), "no table: line 0: the file is empty"},
		"a mark and nothing":  {[]byte("\uFEFF"), "no table: line 0: the file is empty"},
		"Windows-1252":        {[]byte("id,nom\n1,\xc9lodie\n2,\xc9\n"), "no table: line 2: not UTF-8, perhaps Windows-1252: save the file as UTF-8"},
		"half a character":    {[]byte("id,nom\n1,\xc3"), "no table: line 2: not UTF-8, perhaps Windows-1252: save the file as UTF-8"},
		"a zero byte":         {[]byte("id,nom\n1,\x00\n"), "no table: line 2: contains a zero byte: not a CSV file"},
		"pipes":               {[]byte("id|nom\n1|x\n"), "no table: line 1: the columns are separated by |: use comma, semicolon or tab"},
		"an old workbook":     {[]byte("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"), "no table: line 0: a file of kind xls: save it as xlsx or CSV"},
		"a page":              {[]byte("\n<!DOCTYPE html><table>"), "no table: line 0: a file of kind HTML: save it as xlsx or CSV"},
		"JSON":                {[]byte(`[{"id": 1}]`), "no table: line 0: a file of kind JSON: save it as xlsx or CSV"},
		"a PDF":               {[]byte("%PDF-1.7"), "no table: line 0: a file of kind PDF: save it as xlsx or CSV"},
		"another archive":     {[]byte("PK\x03\x04 and nothing"), "no table: line 0: not a whole xlsx file: open it in a spreadsheet and save it again"},
		"OpenDocument":        {archive(t, map[string]io.Reader{"mimetype": strings.NewReader("x"), "content.xml": strings.NewReader("<x/>")}), "no table: line 0: a file of kind OpenDocument: save it as xlsx or CSV"},
		"a zipped CSV":        {archive(t, map[string]io.Reader{"people.csv": strings.NewReader(plain)}), "no table: line 0: a file of kind zip: save it as xlsx or CSV"},
		"a password":          {append([]byte("\xd0\xcf\x11\xe0"), utf16Of("EncryptedPackage", little)...), "no table: line 0: a file of kind xls: save it as xlsx or CSV"},
		"an image":            {[]byte("\x89PNG\r\n"), "no table: line 0: a file of kind image: save it as xlsx or CSV"},
		"RTF":                 {[]byte(`{\rtf1 x}`), "no table: line 0: a file of kind RTF: save it as xlsx or CSV"},
		"too many columns":    {[]byte("a,b\n" + strings.Repeat(",", 1000) + "\n"), "no table: line 2: more than 1000 columns"},
	} {
		if got := read(test.content); got != test.want {
			t.Errorf("%s: got\n%s\nwant\n%s", name, got, test.want)
		}
	}
}

func TestValuesAsPeopleWriteThem(t *testing.T) {
	for cell, want := range map[string]int64{
		"5993": 5993, " 5993 ": 5993, "5 993": 5993, "5\u00a0993": 5993, "5\u202f993": 5993, "1 234 567": 1234567,
		"5993.0": 5993, "5993,00": 5993, "5993.": 5993, "-3": -3, "+3": 3, "0": 0, "007": 7,
	} {
		if got, ok := sheet.Integer(cell); !ok || got != want {
			t.Errorf("%q: got %d, %v", cell, got, ok)
		}
	}
	for _, cell := range []string{"", "x", "5,993", "5.993", "5.000", "15,000", "5 99", "59 93", "1e3", "0x10", "1 2345", "--1", "5 993 %", "99999999999999999999", "٣"} {
		if got, ok := sheet.Integer(cell); ok {
			t.Errorf("%q is %d", cell, got)
		}
	}
	for cell, want := range map[string]int64{"11": 11, "11 %": 11, "11%": 11, "11,00 %": 11, "11\u202f%": 11} {
		if got, ok := sheet.Percent(cell); !ok || got != want {
			t.Errorf("%q: got %d, %v", cell, got, ok)
		}
	}
	for cell, want := range map[string]bool{"Oui": true, "non": false, "YES": true, "no": false, "VRAI": true, "FALSE": false} {
		if got, ok := sheet.Boolean(cell); !ok || got != want {
			t.Errorf("%q: got %v, %v", cell, got, ok)
		}
	}
	if _, ok := sheet.Boolean("1"); ok {
		t.Error("1 is a yes")
	}
	if got := sheet.Text(" Ressources\u00a0\n Humaines e\u0301 "); got != "Ressources Humaines é" {
		t.Errorf("got %q", got)
	}
	if got := sheet.Key(" Nom\u00a0DE famille "); got != "nom de famille" {
		t.Errorf("got %q", got)
	}
}

// A workbook's cells are read as they are shown: percentages with their sign, numbers without
// an exponent, yes and no as words.
func TestWorkbookCellsAreReadAsShown(t *testing.T) {
	file := excelize.NewFile()
	defer file.Close()
	style := func(format int, custom *string) int {
		id, err := file.NewStyle(&excelize.Style{NumFmt: format, CustomNumFmt: custom})
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	const sheetName = "Sheet1"
	for cell, value := range map[string]any{
		"A1": "percent", "B1": "decimals", "C1": "custom", "D1": "number", "E1": "large", "F1": "yes", "G1": "text", "H1": "quoted", "I1": "date", "J1": "own date",
		"A2": 0.11, "B2": 0.07, "C2": 0.155, "D2": 5993, "E2": 1e21, "F2": true, "G2": "  a\nb & <c>", "H2": 15, "I2": 46093, "J2": 46093.5,
	} {
		if err := file.SetCellValue(sheetName, cell, value); err != nil {
			t.Fatal(err)
		}
	}
	for cell, id := range map[string]int{"A2": style(9, nil), "B2": style(10, nil), "C2": style(0, new(`0.0\ %;[Red]-0.0\ %`)), "D2": style(3, nil), "H2": style(0, new(`0" %"`)), "I2": style(14, nil), "J2": style(0, new(`dd\/mm\/yyyy`))} {
		if err := file.SetCellStyle(sheetName, cell, cell, id); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	if err := file.Write(&out); err != nil {
		t.Fatal(err)
	}
	want := "percent|decimals|custom|number|large|yes|text|quoted|date|own date\n2:11%|7%|15.5%|5993|1000000000000000000000|TRUE|  a\nb & <c>|15|2026-03-12|2026-03-12"
	if got := read(out.Bytes()); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// What of a workbook would be read in silence and wrong is refused, and said where.
func TestWorkbooksThatWouldBeReadWrong(t *testing.T) {
	people := [][]any{{"id", "nom"}, {1, "Zoé"}, {2, "Élodie"}}
	fill := func(t *testing.T, file *excelize.File, name string, rows [][]any) {
		t.Helper()
		for i, row := range rows {
			if err := file.SetSheetRow(name, fmt.Sprintf("A%d", i+1), &row); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, test := range map[string]struct {
		change func(*excelize.File) error
		want   string
	}{
		"a formula without a result": {
			func(f *excelize.File) error {
				return errors.Join(f.SetCellValue("Sheet1", "B2", nil), f.SetCellFormula("Sheet1", "B2", "1+1"))
			},
			"id|nom\nline 2: cell B2 is a formula without a stored result: open the file in a spreadsheet and save it\n3:2|Élodie",
		},
		"merged cells": {
			func(f *excelize.File) error { return f.MergeCell("Sheet1", "B2", "B3") },
			"id|nom\n2:1|Zoé\n3:2|\nline 0: cells B2:B3 are merged: unmerge them, and give each its value",
		},
		"people in two sheets": {func(f *excelize.File) error {
			_, err := f.NewSheet("Sheet2")
			fill(t, f, "Sheet2", people)
			return err
		}, "no table: line 0: the sheets Sheet1, Sheet2 have the same columns: put all lines into one"},
		"notes in another sheet": {func(f *excelize.File) error {
			_, err := f.NewSheet("Notes")
			fill(t, f, "Notes", [][]any{{"a note"}})
			return err
		}, "id|nom\n2:1|Zoé\n3:2|Élodie"},
		"old people in a hidden sheet": {func(f *excelize.File) error {
			at, err := f.NewSheet("New")
			fill(t, f, "New", [][]any{{"id", "nom"}, {3, "Ada"}})
			f.SetActiveSheet(at)
			return errors.Join(err, f.SetSheetVisible("Sheet1", false))
		}, "id|nom\n2:3|Ada"},
	} {
		file := excelize.NewFile()
		fill(t, file, "Sheet1", people)
		var out bytes.Buffer
		if err := errors.Join(test.change(file), file.Write(&out), file.Close()); err != nil {
			t.Fatal(err)
		}
		if got := read(out.Bytes()); got != test.want {
			t.Errorf("%s: got\n%s\nwant\n%s", name, got, test.want)
		}
	}
}

// Whatever the bytes are, there are rows or a reason.
func FuzzOpen(f *testing.F) {
	f.Add([]byte("id,nom\n1,x\n"))
	f.Add([]byte("\uFEFFsep=;\r\nid;nom\r1;\"x\ny\"\r"))
	f.Add(utf16Of("\uFEFFid\tnom\n1\tx\n", little))
	f.Add(workbook(f, [][]any{{"id", "nom"}, {1, "x"}}))
	f.Add(book(f, "", "", "", 0))
	f.Fuzz(func(t *testing.T, content []byte) {
		if read(content) == "" && len(content) > 0 {
			t.Error("nothing is said")
		}
	})
}
