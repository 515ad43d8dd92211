package scoring

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/futurisys/futurisys/gateway/internal/dashboard/form"
	"github.com/futurisys/futurisys/gateway/internal/dashboard/outcome"
	"github.com/futurisys/futurisys/gateway/internal/dashboard/texts"
	"github.com/futurisys/futurisys/gateway/internal/dashboard/ui"
	"github.com/futurisys/futurisys/services/platform/sheet/sheettest"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// reader is somebody who reads English.
func reader(t testing.TB) *ui.View {
	t.Helper()
	catalogue, err := texts.Load()
	if err != nil {
		t.Fatal(err)
	}
	return &ui.View{Language: catalogue.Choose("en", "")}
}

// small is a version of three inputs.
func small() *futurisysv1.ModelVersion {
	return &futurisysv1.ModelVersion{Features: []*futurisysv1.ModelFeature{
		{Name: "job_level", Required: true},
		{Name: "overtime", Required: true},
		{Name: "department", Required: true, Categories: []string{"Consulting", "Commercial"}},
		{Name: "last_raise_percent"},
	}}
}

func TestFilesAreRead(t *testing.T) {
	v := reader(t)
	for name, test := range map[string]struct {
		file       string
		good, bad  int
		problem    string // part of what is wrong with the file
		rowProblem string // part of what is wrong with a row
	}{
		"the API's names":     {"job_level,overtime,department\n1,true,Consulting\n2,false,Commercial\n", 2, 0, "", ""},
		"the French columns":  {"niveau_hierarchique_poste;heure_supplementaires;departement;augementation_salaire_precedente\r\n1;Oui;Consulting;11 %\r\n", 1, 0, "", ""},
		"tabs and a mark":     {"\uFEFFjob_level\tovertime\tdepartment\n1\tNon\tConsulting\n", 1, 0, "", ""},
		"another case":        {" JOB_LEVEL ;Overtime;DEPARTMENT;Notes\n\"1,0\";VRAI;Consulting;x\n;;;\n", 1, 0, "", ""},
		"UTF-16":              {"\xff\xfej\x00o\x00b\x00_\x00l\x00e\x00v\x00e\x00l\x00\n\x001\x00\n\x00", 0, 0, "overtime", ""},
		"a page":              {"<html><table></table></html>", 0, 0, "HTML", ""},
		"nothing but commas":  {strings.Repeat(",", 1<<20), 0, 0, "1,000 columns", ""},
		"quotes":              {"job_level,overtime,department\n\"1\",\"true\",\"Consulting\"\n", 1, 0, "", ""},
		"a missing value":     {"job_level,overtime,department\n,true,Consulting\n1,true,Consulting\n", 1, 1, "", "a value is required"},
		"a bad number":        {"job_level,overtime,department\none,true,Consulting\n", 0, 1, "", "whole number"},
		"a number too great":  {"job_level,overtime,department\n9,true,Consulting\n", 0, 1, "", "between 1 and 5"},
		"an unknown category": {"job_level,overtime,department\n1,true,Lune\n", 0, 1, "", `("Lune")`},
		"a bad boolean":       {"job_level,overtime,department\n1,perhaps,Consulting\n", 0, 1, "", "Yes or No"},
		"a short line":        {"job_level,overtime,department\n1,true\n", 0, 1, "", "2 fields"},
		"a long line":         {"job_level,overtime,department\n1,true,Consulting,4\n", 0, 1, "", "4 fields"},
		"no rows":             {"job_level,overtime,department\n", 0, 0, "header only", ""},
		"a missing column":    {"job_level,department\n1,Consulting\n", 0, 0, "overtime (heure_supplementaires)", ""},
		"a column twice":      {"job_level,niveau_hierarchique_poste,overtime,department\n1,1,true,Consulting\n", 0, 0, "stands twice", ""},
		"nothing":             {"  \n", 0, 0, "empty", ""},
		"Windows-1252":        {"job_level,overtime,department\n1,true,\xe9\n", 0, 0, "UTF-8", ""},
		"a zero byte":         {"job_level,overtime,department\n1,true,\x00\n", 0, 0, "not a CSV file", ""},
		"an open quote":       {"job_level,overtime,department\n1,true,\"Consulting\n", 0, 0, "not CSV", ""},
		"a person twice":      {"id,job_level,overtime,department\n4,1,true,Consulting\n4.0,1,true,Consulting\n", 1, 1, "", "in line 2 already"},
		"thousands":           {"job_level,overtime,department\n\"1,000\",true,Consulting\n", 0, 1, "", "whole number"},
		"a title":             {"Extraction\njob_level,overtime,department\n", 0, 0, "not the header", ""},
		"too many lines":      {"job_level,overtime,department\n" + strings.Repeat("1,true,Consulting\n", outcome.Max+1), outcome.Max, 0, "more than 10,000 lines", ""},
	} {
		u := readUpload(v, []byte(test.file), small())
		bad := u.Bad(v)
		if len(u.Good()) != test.good || len(bad) != test.bad {
			t.Errorf("%s: %d good and %d bad rows: %+v", name, len(u.Good()), len(bad), u)
		}
		if (u.Problem == "") != (test.problem == "") || !strings.Contains(u.Problem, test.problem) {
			t.Errorf("%s: the problem is %q", name, u.Problem)
		}
		if test.rowProblem != "" && !strings.Contains(fmt.Sprint(bad), test.rowProblem) {
			t.Errorf("%s: got %v", name, bad)
		}
	}
}

// The extracts that HR has are read whole, all of their columns, and each line by its
// employee's number.
func TestExtractOfTheSourceIsRead(t *testing.T) {
	v := reader(t)
	file, err := os.ReadFile("../../../../scripts/training/data/X_test.csv")
	if err != nil {
		t.Fatal(err)
	}
	version := &futurisysv1.ModelVersion{}
	for _, field := range form.Fields() {
		version.Features = append(version.Features, &futurisysv1.ModelFeature{Name: field.Name, Required: true})
	}
	u := readUpload(v, file, version)
	if u.Problem != "" || len(u.Good()) != 294 || u.Rows[0].Name != "4" {
		t.Errorf("got %q, %d rows, the first of %q", u.Problem, len(u.Good()), u.Rows[0].Name)
	}
}

// People are scored alike from whatever file they come.
func TestFilesAsPeopleSaveThem(t *testing.T) {
	v, files := reader(t), sheettest.People(t)
	version := &futurisysv1.ModelVersion{}
	for _, field := range form.Fields() {
		version.Features = append(version.Features, &futurisysv1.ModelFeature{Name: field.Name, Required: true})
	}
	want := readUpload(v, files[sheettest.Plain], version).Good()
	if len(want) != 3 {
		t.Fatalf("%s: got %d people", sheettest.Plain, len(want))
	}
	for name, file := range files {
		u := readUpload(v, file, version)
		if u.Problem != "" || len(u.Rows) != len(want) {
			t.Errorf("%s: got %q, %d rows", name, u.Problem, len(u.Rows))
			continue
		}
		for i, row := range u.Rows {
			if len(row.Problems) > 0 || row.Name != want[i].Name || !proto.Equal(row.Profile, want[i].Profile) {
				t.Errorf("%s: got %+v, want %+v", name, row, want[i])
			}
		}
	}
}

// FuzzReadUpload holds for any bytes: rows and problems, no panic, and never more rows
// than are scored.
func FuzzReadUpload(f *testing.F) {
	v := reader(f)
	f.Add([]byte("job_level,overtime,department\n1,true,Consulting\n"))
	f.Add([]byte("\uFEFFniveau_hierarchique_poste;heure_supplementaires;departement\n1;Oui;\"a\"\"b\"\n"))
	f.Add([]byte("\xff\x00,\"\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		u := readUpload(v, data, small())
		if len(u.Rows) > outcome.Max || len(u.Good())+len(u.Bad(v)) != len(u.Rows) {
			t.Errorf("got %d rows", len(u.Rows))
		}
		for _, row := range u.Good() {
			if row.Profile.JobLevel == nil || row.Profile.Overtime == nil || row.Profile.Department == nil {
				t.Errorf("line %d is good and lacks a value: %v", row.Line, row.Profile)
			}
		}
	})
}
