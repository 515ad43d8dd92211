package ingest_test

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/futurisys/futurisys/services/persistence/internal/ingest"
	"github.com/futurisys/futurisys/services/persistence/internal/store"
	"github.com/futurisys/futurisys/services/platform/sheet"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// data is the folder of the committed extracts.
const data = "../../../../scripts/training/data/"

// parse reads files that come in pieces.
func parse(files map[ingest.Kind][]byte, rule ingest.Rule) ([]store.Employee, *ingest.Report) {
	const pieceBytes = 101 // a prime, so that it cuts anywhere
	pieces := map[ingest.Kind]ingest.File{}
	for kind, content := range files {
		pieces[kind] = slices.Collect(slices.Chunk(content, pieceBytes))
	}
	return ingest.Parse(pieces, rule)
}

func extracts(t testing.TB) map[ingest.Kind][]byte {
	t.Helper()
	files := map[ingest.Kind][]byte{}
	for kind, name := range map[ingest.Kind]string{
		ingest.SIRH: "extrait_sirh.csv", ingest.Evaluation: "extrait_eval.csv", ingest.Survey: "extrait_sondage.csv",
	} {
		text, err := os.ReadFile(data + name)
		if err != nil {
			t.Fatal(err)
		}
		files[kind] = text
	}
	return files
}

func anything(store.Profile) []*futurisysv1.Violation { return nil }

func TestExtractsAreJoined(t *testing.T) {
	employees, report := parse(extracts(t), anything)
	if len(report.Problems) != 0 || len(employees) != 1470 {
		t.Fatalf("%d employees, problems %v", len(employees), report.Problems)
	}
	first := employees[0]
	if first.ID != 1 || *first.Profile.Age != 41 || *first.Profile.JobTitle != "Cadre Commercial" ||
		*first.Profile.LastRaisePercent != 11 || !*first.Profile.Overtime || *first.Profile.BusinessTravel != "Occasionnel" ||
		*first.Profile.YearsUnderManager != 5 {
		t.Errorf("the first employee is not as the extracts have it: %+v", first.Profile)
	}
}

func TestJoinedFileGivesTheSameAsTheExtracts(t *testing.T) {
	joined, err := os.ReadFile(data + "X_test.csv")
	if err != nil {
		t.Fatal(err)
	}
	employees, report := parse(map[ingest.Kind][]byte{ingest.Joined: joined}, anything)
	if len(report.Problems) != 0 || len(employees) != 294 {
		t.Fatalf("%d employees, problems %v", len(employees), report.Problems)
	}
	all, _ := parse(extracts(t), anything)
	byID := map[int32]store.Employee{}
	for _, e := range all {
		byID[e.ID] = e
	}
	for _, e := range employees {
		if difference := cmp.Diff(byID[e.ID], e); difference != "" {
			t.Fatalf("employee %d differs: %s", e.ID, difference)
		}
	}
}

func TestExcelsFrenchFormIsRead(t *testing.T) {
	files := extracts(t)
	for kind, text := range files {
		files[kind] = []byte("\uFEFF" + strings.ReplaceAll(strings.ReplaceAll(string(text), ",", ";"), "\n", "\r\n"))
	}
	employees, report := parse(files, anything)
	if len(report.Problems) != 0 || len(employees) != 1470 {
		t.Fatalf("%d employees, problems %v", len(employees), report.Problems)
	}
}

func TestEmptyCellIsAnUnknownValue(t *testing.T) {
	files := extracts(t)
	files[ingest.SIRH] = []byte(strings.Replace(string(files[ingest.SIRH]), "1,41,F,5993,Célibataire", "1,,F,5993,", 1))
	employees, report := parse(files, anything)
	empty := map[string]int{"age": 1, "marital_status": 1} // it is said, for it removes what was there
	if len(report.Problems) != 0 || employees[0].Profile.Age != nil || employees[0].Profile.MaritalStatus != nil || !maps.Equal(report.Empty, empty) {
		t.Fatalf("problems %v, profile %+v", report.Problems, employees[0].Profile)
	}
}

func TestEveryProblemIsNamedByFileLineAndColumn(t *testing.T) {
	for name, test := range map[string]struct {
		kind      ingest.Kind
		find, put string
		want      string // file:line:column: message
	}{
		"duplicate id":            {ingest.SIRH, "\n2,49,M", "\n1,49,M", "extrait_sirh:3:id_employee: employee 1 is in line 2 already"},
		"missing column":          {ingest.Survey, "distance_domicile_travail,", "x,", "extrait_sondage:1:distance_domicile_travail: the column is missing"},
		"column twice":            {ingest.SIRH, "age,genre", "age,age", "extrait_sirh:1:age: the column appears more than once"},
		"no key":                  {ingest.Evaluation, "eval_number", "numero", "extrait_eval:1:eval_number: the column is missing"},
		"unreadable percentage":   {ingest.Evaluation, "11 %", "onze %", `extrait_eval:2:augementation_salaire_precedente: must be a whole percentage such as "11 %", not "onze %"`},
		"thousands with a point":  {ingest.SIRH, "1,41,F,5993", "1,41,F,5.000", `extrait_sirh:2:revenu_mensuel: must be an integer, not "5.000"`},
		"unreadable number":       {ingest.SIRH, "1,41,F", "1,quarante,F", `extrait_sirh:2:age: must be an integer, not "quarante"`},
		"number with a fraction":  {ingest.SIRH, "1,41,F", "1,41.5,F", `extrait_sirh:2:age: must be an integer, not "41.5"`},
		"number too large":        {ingest.SIRH, "1,41,F,5993", "1,41,F,99999999999", `extrait_sirh:2:revenu_mensuel: must be an integer, not "99999999999"`},
		"neither yes nor no":      {ingest.Evaluation, "Oui,11 %", "Peut-être,11 %", `extrait_eval:2:heure_supplementaires: must be Oui or Non, not "Peut-être"`},
		"line short of a field":   {ingest.SIRH, "1,41,F,", "1,41,", "extrait_sirh:2:: has 11 fields, the header has 12"},
		"line with one too many":  {ingest.SIRH, "1,41,F,", "1,41,F,F,", "extrait_sirh:2:: has 13 fields, the header has 12"},
		"wrong kind of key":       {ingest.Evaluation, "E_1,", "1,", `extrait_eval:2:eval_number: must be E_ and the employee's number, not "1"`},
		"key that is no number":   {ingest.SIRH, "\n1,41", "\n-1,41", `extrait_sirh:2:id_employee: must be an employee's number from 1, not "-1"`},
		"key zero":                {ingest.Survey, ",00001,", ",00000,", `extrait_sondage:2:code_sondage: must be an employee's number from 1, not "00000"`},
		"in one extract only":     {ingest.Survey, ",00001,", ",99999,", "extrait_sirh:2:id_employee: employee 1 is not in extrait_sondage"},
		"in one other only":       {ingest.Survey, ",00001,", ",99999,", "extrait_sondage:2:code_sondage: employee 99999 is not in extrait_sirh"},
		"Windows-1252":            {ingest.SIRH, "Célibataire,Commercial,Cadre Commercial,8", "C\xe9libataire,Commercial,Cadre Commercial,8", "extrait_sirh:2:: not UTF-8, perhaps Windows-1252: save the file as UTF-8"},
		"zero byte":               {ingest.SIRH, "1,41,F", "1,41\x00,F", "extrait_sirh:2:: contains a zero byte: not a CSV file"},
		"quote inside of a field": {ingest.SIRH, "1,41,F", `1,4"1,F`, `extrait_sirh:2:: not CSV: bare " in non-quoted-field`},
		"quote that never closes": {ingest.SIRH, "1,41,F", `1,"41,F`, `not CSV: extraneous or missing " in quoted-field`},
	} {
		t.Run(name, func(t *testing.T) {
			files := extracts(t)
			if !strings.Contains(string(files[test.kind]), test.find) {
				t.Fatalf("the extract has no %q", test.find)
			}
			files[test.kind] = []byte(strings.Replace(string(files[test.kind]), test.find, test.put, 1))
			_, report := parse(files, anything)
			got := text(report)
			if !strings.Contains(got, test.want) {
				t.Errorf("got\n%s\nwant\n%s", got, test.want)
			}
		})
	}
}

func TestFilesThatDoNotGoTogether(t *testing.T) {
	all := extracts(t)
	for name, test := range map[string]struct {
		files map[ingest.Kind][]byte
		want  string
	}{
		"none":               {nil, "the file is missing"},
		"one is missing":     {map[ingest.Kind][]byte{ingest.SIRH: all[ingest.SIRH], ingest.Survey: all[ingest.Survey]}, "extrait_eval:0:: the file is missing"},
		"joined and another": {map[ingest.Kind][]byte{ingest.Joined: []byte("id_employee\n1\n"), ingest.SIRH: all[ingest.SIRH]}, "a joined file must come alone"},
		"empty":              {map[ingest.Kind][]byte{ingest.Joined: {}}, "joined:0:: the file is empty"},
		"half a character":   {map[ingest.Kind][]byte{ingest.Joined: []byte("id_employee\n1\n\xc3")}, "joined:3:: not UTF-8, perhaps Windows-1252: save the file as UTF-8"},
		"only a header":      {map[ingest.Kind][]byte{ingest.Joined: header(t)}, "joined:0:: the file has no employee"},
		"no table":           {map[ingest.Kind][]byte{ingest.Joined: []byte("%PDF-1.7")}, "joined:0:: a file of kind PDF: save it as xlsx or CSV"},
	} {
		_, report := parse(test.files, anything)
		if got := text(report); !strings.Contains(got, test.want) {
			t.Errorf("%s: got\n%s\nwant\n%s", name, got, test.want)
		}
	}
}

func TestRuleIsToldWhereItIsBroken(t *testing.T) {
	rule := func(p store.Profile) []*futurisysv1.Violation {
		if *p.Age == 49 {
			return []*futurisysv1.Violation{{Field: "age", Message: "too good to be true"}}
		}
		return nil
	}
	_, report := parse(extracts(t), rule)
	if got := text(report); !strings.HasPrefix(got, "extrait_sirh:3:age: too good to be true\n") {
		t.Errorf("got\n%s", got)
	}
}

// A fault that stands in each line is said once, with its lines.
func TestEqualProblemsAreSaidOnce(t *testing.T) {
	files := extracts(t)
	files[ingest.Evaluation] = []byte(strings.ReplaceAll(string(files[ingest.Evaluation]), " %", " pour cent"))
	_, report := parse(files, anything)
	if len(report.Problems) > 15 || report.Total() != 1470 || report.Full() || report.Count() != "1470" {
		t.Errorf("%d problems, %s in all", len(report.Problems), report.Count())
	}
	if first := report.Problems[0]; first.Line != first.Lines[0] || len(first.Lines) != 10 || first.Count <= 10 {
		t.Errorf("got %+v", first)
	}
	files = extracts(t)
	files[ingest.SIRH] = []byte(strings.ReplaceAll(string(files[ingest.SIRH]), ",M,", ",M"+strings.Repeat("x", 200)+","))
	if _, report = parse(files, anything); len(report.Problems) != 1 {
		t.Errorf("got %s", text(report))
	}
}

func TestReadingEndsWithSoManyDifferentProblems(t *testing.T) {
	var file strings.Builder
	file.Write(header(t))
	columns := strings.Count(string(header(t)), ",")
	for i := range 1_000 {
		fmt.Fprintf(&file, "x%d%s\n", i, strings.Repeat(",", columns))
	}
	_, report := parse(map[ingest.Kind][]byte{ingest.Joined: []byte(file.String())}, anything)
	if len(report.Problems) != ingest.MaxProblems || !report.Full() || report.Count() != "100+" {
		t.Errorf("%d problems, %s", len(report.Problems), report.Count())
	}
}

// What spreadsheets make of the extracts is the same people.
func TestExtractsAsPeopleSaveThem(t *testing.T) {
	want, _ := parse(extracts(t), anything)
	change := func(edit func(kind ingest.Kind, text string) string) map[ingest.Kind][]byte {
		files := extracts(t)
		for kind, content := range files {
			files[kind] = []byte(edit(kind, string(content)))
		}
		return files
	}
	replace := func(old, with string) map[ingest.Kind][]byte {
		return change(func(_ ingest.Kind, text string) string { return strings.ReplaceAll(text, old, with) })
	}
	for name, files := range map[string]map[ingest.Kind][]byte{
		"another case of names": change(func(_ ingest.Kind, text string) string {
			header, rest, _ := strings.Cut(text, "\n")
			return " " + strings.ToUpper(header) + " \n" + rest
		}),
		"a column of theirs": change(func(_ ingest.Kind, text string) string {
			header, rest, _ := strings.Cut(text, "\n")
			return header + ",Remarques\n" + strings.ReplaceAll(rest, "\n", ",rien\n")
		}),
		"percentages with decimals": replace(" %", ",00 %"),
		"accents in two":            replace("é", "e\u0301"),
		"hard blanks":               replace(" ", "\u00a0"),
	} {
		if name == "percentages with decimals" { // the comma would be another column
			files[ingest.Evaluation] = []byte(strings.ReplaceAll(strings.ReplaceAll(string(extracts(t)[ingest.Evaluation]), ",", ";"), " %", ",00 %"))
			files[ingest.SIRH], files[ingest.Survey] = extracts(t)[ingest.SIRH], extracts(t)[ingest.Survey]
		}
		got, report := parse(files, anything)
		if len(report.Problems) > 0 {
			t.Errorf("%s: %s", name, text(report))
			continue
		}
		if difference := cmp.Diff(want, got); difference != "" {
			t.Errorf("%s: %.500s", name, difference)
		}
		if ignored := len(report.Ignored); (name == "a column of theirs") != (ignored == 3) {
			t.Errorf("%s: %v are not used", name, report.Ignored)
		}
	}
}

// FuzzParse holds for any bytes: no panic, and either employees that are whole or
// problems that say where.
func FuzzParse(f *testing.F) {
	files := extracts(f)
	for kind := range maps.Keys(files) {
		lines := strings.SplitAfterN(string(files[kind]), "\n", 4)
		f.Add([]byte(strings.Join(lines[:3], "")), int(kind))
	}
	f.Add([]byte("id_employee;age\n1;\"2\n"), int(ingest.Joined))
	f.Fuzz(func(t *testing.T, text []byte, kind int) {
		all := map[ingest.Kind][]byte{ingest.Kind(kind): text}
		if kind != int(ingest.Joined) {
			all = map[ingest.Kind][]byte{ingest.SIRH: text, ingest.Evaluation: text, ingest.Survey: text}
		}
		employees, report := parse(all, anything)
		if len(report.Problems) == 0 && len(employees) == 0 {
			t.Fatal("neither employees nor a problem")
		}
		for _, problem := range report.Problems {
			if problem.Violation.GetMessage() == "" || problem.Line < 0 {
				t.Fatalf("a problem that says nothing: %+v", problem)
			}
		}
		seen := map[int32]bool{}
		for _, e := range employees {
			if e.ID < 1 || seen[e.ID] {
				t.Fatalf("employee %d", e.ID)
			}
			seen[e.ID] = true
		}
	})
}

func text(report *ingest.Report) string {
	var out strings.Builder
	for _, p := range report.Problems {
		fmt.Fprintf(&out, "%s:%d:%s: %s\n", p.Kind, p.Line, p.Violation.GetField(), p.Violation.GetMessage())
	}
	return out.String()
}

func header(t *testing.T) []byte {
	t.Helper()
	joined, err := os.ReadFile(data + "X_test.csv")
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(string(joined), "\n")
	return []byte(first + "\n")
}

// A file that is small on disk must not be large in memory.
func TestFilesAreBounded(t *testing.T) {
	header := "id_employee,age\n"
	for name, test := range map[string]struct {
		file   string
		reason futurisysv1.ViolationReason
		line   int
	}{
		"nothing but commas":           {strings.Repeat(",", 1<<20), futurisysv1.ViolationReason_VIOLATION_REASON_TOO_MANY_COLUMNS, 1},
		"semicolons":                   {strings.Repeat(";", 1<<20), futurisysv1.ViolationReason_VIOLATION_REASON_TOO_MANY_COLUMNS, 1},
		"a wide line":                  {header + "1,40\n2," + strings.Repeat(",", sheet.MaxColumns) + "\n", futurisysv1.ViolationReason_VIOLATION_REASON_TOO_MANY_COLUMNS, 3},
		"wide over a line break":       {header + `1,"a` + "\n" + `"` + strings.Repeat(",", sheet.MaxColumns) + "\n", futurisysv1.ViolationReason_VIOLATION_REASON_TOO_MANY_COLUMNS, 3},
		"many lines":                   {header + strings.Repeat("1,40\n", 1<<20), futurisysv1.ViolationReason_VIOLATION_REASON_MISSING_COLUMN, 1},
		"commas that are text stay so": {header + `1,"` + strings.Repeat(",", 2*sheet.MaxColumns) + "\"\n", futurisysv1.ViolationReason_VIOLATION_REASON_MISSING_COLUMN, 1},
	} {
		_, report := parse(map[ingest.Kind][]byte{ingest.Joined: []byte(test.file)}, anything)
		if len(report.Problems) == 0 || len(report.Problems) > ingest.MaxProblems {
			t.Errorf("%s: %d problems", name, len(report.Problems))
			continue
		}
		if first := report.Problems[0]; first.Violation.GetReason() != test.reason || first.Line != test.line {
			t.Errorf("%s: got %s in line %d", name, first.Violation.GetReason(), first.Line)
		}
	}
}

func TestOnlySoManyLinesAreRead(t *testing.T) {
	text := string(extracts(t)[ingest.SIRH])
	header, first, _ := strings.Cut(text, "\n")
	row, _, _ := strings.Cut(first, "\n")
	_, rest, _ := strings.Cut(row, ",")
	var file strings.Builder
	file.WriteString(header + "\n")
	for id := range ingest.MaxRows + 2 {
		fmt.Fprintf(&file, "%d,%s\n", id+1, rest)
	}
	files := extracts(t)
	files[ingest.SIRH] = []byte(file.String())
	_, report := parse(files, anything)
	if len(report.Problems) != 1 || report.Problems[0].Violation.GetReason() != futurisysv1.ViolationReason_VIOLATION_REASON_TOO_MANY_ROWS || report.Problems[0].Line != ingest.MaxRows+2 {
		t.Errorf("got %v", report.Problems)
	}
}
