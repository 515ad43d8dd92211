package sheet_test

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
)

// again repeats a text for ever.
type again struct {
	text string
	at   int
}

func (a *again) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = a.text[a.at%len(a.text)]
		a.at++
	}
	return len(p), nil
}

// archive is an archive with such parts.
func archive(t testing.TB, parts map[string]io.Reader) []byte {
	t.Helper()
	var out bytes.Buffer
	archive := zip.NewWriter(&out)
	for name, content := range parts {
		part, err := archive.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(part, content); err != nil {
			t.Fatal(err)
		}
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// book is a workbook whose sheet, texts or styles begin so and go on for ever.
func book(t testing.TB, part, begin, repeat string, bytes int64) []byte {
	t.Helper()
	parts := map[string]io.Reader{
		"xl/workbook.xml": strings.NewReader(`<workbook><sheets><sheet name="A" sheetId="1" r:id="rId1"/></sheets></workbook>`),
		"xl/_rels/workbook.xml.rels": strings.NewReader(`<Relationships><Relationship Id="rId1" Type="x/worksheet" Target="worksheets/sheet1.xml"/>` +
			`<Relationship Id="rId2" Type="x/sharedStrings" Target="/xl/sharedStrings.xml"/><Relationship Id="rId3" Type="x/styles" Target="styles.xml"/></Relationships>`),
		"xl/worksheets/sheet1.xml": strings.NewReader(`<worksheet><sheetData><row r="1"><c r="A1"><v>1</v></c></row></sheetData></worksheet>`),
		"xl/sharedStrings.xml":     strings.NewReader(`<sst/>`),
		"xl/styles.xml":            strings.NewReader(`<styleSheet/>`),
	}
	if part != "" {
		parts[part] = io.MultiReader(strings.NewReader(begin), io.LimitReader(&again{text: repeat}, bytes))
	}
	return archive(t, parts)
}

// Kilobytes that unpack to many megabytes are refused, and cost little.
func TestABombIsNotUnpacked(t *testing.T) {
	const sheet, large = "xl/worksheets/sheet1.xml", 4 << 20
	const tooLarge, unended = "too large when it is unpacked", "not a whole xlsx file"
	entries := map[string]io.Reader{}
	for n := range 20_000 {
		entries[fmt.Sprint(n)] = strings.NewReader("")
	}
	for name, bomb := range map[string]struct {
		content []byte
		want    string
	}{
		"blanks":             {book(t, sheet, "<worksheet><sheetData>", " ", large), tooLarge},
		"a long name":        {book(t, sheet, "<worksheet><", "a", large), tooLarge},
		"attributes":         {book(t, sheet, "<worksheet><row ", `a="" `, large), tooLarge},
		"text of a cell":     {book(t, sheet, "<worksheet><row><c><v>", "aaaaaaaaaaaaaaaa<!---->", large), tooLarge},
		"cells of a row":     {book(t, sheet, "<worksheet><row>", "<c/>", large), "more than 1000 columns"},
		"elements in others": {book(t, sheet, "<worksheet><row>", "<a>", large), unended},
		"rows of nothing":    {book(t, sheet, "<worksheet>", "<row/>  ", large), "the file is empty"},
		"shared texts":       {book(t, "xl/sharedStrings.xml", "<sst>", "<si/>", 3*large), tooLarge},
		"a shared text":      {book(t, "xl/sharedStrings.xml", "<sst><si><t>", "aaaaaaaaaaaaaaaa<!---->", large), tooLarge},
		"styles":             {book(t, "xl/styles.xml", "<styleSheet><cellXfs>", "<xf/>", large), tooLarge},
		"sheets":             {book(t, "xl/workbook.xml", "<workbook>", "<a/>                                                           ", 9*large), tooLarge},
		"relations":          {book(t, "xl/_rels/workbook.xml.rels", "<Relationships>", `<Relationship Type="b"/>`, large), "the file is empty"},
		"parts":              {archive(t, entries), tooLarge},
	} {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		got := read(bomb.content)
		runtime.ReadMemStats(&after)
		if !strings.Contains(got, bomb.want) {
			t.Errorf("%s: got %.200s", name, got)
		}
		if grown := (int64(after.HeapSys) - int64(before.HeapSys)) >> 20; grown > 150 {
			t.Errorf("%s: the heap has grown by %d MB", name, grown)
		}
	}
}
