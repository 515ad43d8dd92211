// Package ingest reads employees from CSV: the three extracts of HR, joined by
// id, or one file that is joined already. It names every problem by file, line
// and column, and never guesses.
package ingest

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/futurisys/futurisys/proto/catalogue"
	"github.com/futurisys/futurisys/services/persistence/internal/store"
	"github.com/futurisys/futurisys/services/platform/sheet"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// Kind says what a file holds.
type Kind int

// Kinds of files.
const (
	Joined     Kind = iota + 1 // all columns, keyed by id_employee
	SIRH                       // the HR system's, keyed by id_employee
	Evaluation                 // the yearly reviews, keyed by eval_number, "E_" and the id
	Survey                     // the survey, keyed by code_sondage, the id with leading zeros
)

// String names the kind as the extracts' files are named.
func (k Kind) String() string {
	switch k {
	case Joined:
		return "joined"
	case SIRH:
		return "extrait_sirh"
	case Evaluation:
		return "extrait_eval"
	case Survey:
		return "extrait_sondage"
	default:
		return "unknown"
	}
}

// key is the column that holds the employee's id.
func (k Kind) key() string {
	switch k {
	case Evaluation:
		return "eval_number"
	case Survey:
		return "code_sondage"
	default:
		return "id_employee"
	}
}

// ignored are columns that the extracts have and nothing needs: three constant
// ones and the outcome, which is no property of an employee on record.
func ignored() []string {
	return []string{"nombre_heures_travailless", "nombre_employee_sous_responsabilite", "ayant_enfants", "a_quitte_l_entreprise"}
}

// Problem says what is wrong with a file.
type Problem struct {
	Kind Kind
	Line int // from 1, the header; 0: the file as a whole
	// Violation has the column as its field, as the header spells it; "": the line as a
	// whole.
	Violation *futurisysv1.Violation
	// Lines are the first lines that have it, Count is how many do.
	Lines []int
	Count int
}

// Column is a column of a file, as its header spells it.
type Column struct {
	Kind Kind
	Name string
}

// File is a file in the pieces that it came in.
type File = sheet.File

// What is read of files at most: a file of nothing but commas would cost a hundred times its
// size.
const (
	// MaxProblems is how many different problems are looked for: reading ends with the last.
	MaxProblems = 100
	// maxLines is how many lines of a problem are named.
	maxLines = 10
	// MaxRows is how many lines a file may have, besides its header.
	MaxRows = 100_000
)

// Report is what is wrong with the files, and what of them is not used.
type Report struct {
	Problems []Problem
	Ignored  []Column
	// Empty is in how many lines a field has no value, by the field's name in the API.
	Empty map[string]int
}

// Total is in how many lines something is wrong, each problem for itself.
func (r *Report) Total() int {
	total := 0
	for _, problem := range r.Problems {
		total += problem.Count
	}
	return total
}

// Full says that no more problems are looked for: there may be more.
func (r *Report) Full() bool { return len(r.Problems) >= MaxProblems }

// Count is how many problems there are, with a + where there may be more.
func (r *Report) Count() string {
	if r.Full() {
		return strconv.Itoa(r.Total()) + "+"
	}
	return strconv.Itoa(r.Total())
}

// add notes a problem of a column, with the parameters of its reason's sentence.
func (r *Report) add(kind Kind, line int, column string, reason futurisysv1.ViolationReason, parameters ...any) {
	r.put(kind, line, catalogue.Violation(reason, column, parameters...))
}

// put notes a problem, or that another line has one like it.
func (r *Report) put(kind Kind, line int, wrong *futurisysv1.Violation) {
	for i := range r.Problems {
		if known := &r.Problems[i]; known.Kind == kind && proto.Equal(known.Violation, wrong) {
			if known.Count++; len(known.Lines) < maxLines {
				known.Lines = append(known.Lines, line)
			}
			return
		}
	}
	if !r.Full() {
		r.Problems = append(r.Problems, Problem{kind, line, wrong, []int{line}, 1})
	}
}

// Rule says what is wrong with the fields of a profile, by the API's names of them.
type Rule func(store.Profile) []*futurisysv1.Violation

// Parse reads the files and returns the employees by id. They are whole only
// when the report is empty. Either the joined file comes alone or all three
// extracts come.
func Parse(files map[Kind]File, rule Rule) ([]store.Employee, *Report) {
	report := &Report{Empty: map[string]int{}}
	kinds := []Kind{SIRH, Evaluation, Survey}
	if _, joined := files[Joined]; joined {
		kinds = []Kind{Joined}
		if len(files) > 1 {
			report.add(Joined, 0, "", futurisysv1.ViolationReason_VIOLATION_REASON_JOINED_FILE_NOT_ALONE)
		}
	}
	tables := make([]*table, 0, len(kinds))
	for _, kind := range kinds {
		file, ok := files[kind]
		if !ok {
			report.add(kind, 0, "", futurisysv1.ViolationReason_VIOLATION_REASON_MISSING_FILE)
			continue
		}
		tables = append(tables, readTable(kind, file, report))
	}
	if len(report.Problems) > 0 {
		return nil, report
	}
	return join(tables, rule, report), report
}

// join puts the tables' lines for the same id together.
func join(tables []*table, rule Rule, report *Report) []store.Employee {
	ids := map[int32]bool{}
	for _, t := range tables {
		for id := range t.lines {
			ids[id] = true
		}
	}
	sorted := make([]int32, 0, len(ids))
	for id := range ids {
		sorted = append(sorted, id)
	}
	slices.Sort(sorted)
	if len(sorted) == 0 {
		report.add(tables[0].kind, 0, "", futurisysv1.ViolationReason_VIOLATION_REASON_NO_ROWS)
	}
	employees := make([]store.Employee, 0, len(sorted))
	for _, id := range sorted {
		if report.Full() {
			break
		}
		employee := store.Employee{ID: id}
		for _, t := range tables {
			line, ok := t.lines[id]
			if !ok {
				other, at := holder(tables, id)
				report.add(other, at, other.key(), futurisysv1.ViolationReason_VIOLATION_REASON_EMPLOYEE_NOT_IN_FILE, "employee", id, "file", t.kind)
				continue
			}
			t.fill(&employee.Profile, line)
		}
		for _, wrong := range rule(employee.Profile) {
			report.addField(tables, id, wrong)
		}
		employees = append(employees, employee)
	}
	return employees
}

// holder returns a table that has the employee, and the line.
func holder(tables []*table, id int32) (Kind, int) {
	for _, t := range tables {
		if line, ok := t.lines[id]; ok {
			return t.kind, line.number
		}
	}
	return tables[0].kind, 0
}

// addField says where in the files a field that breaks a rule stands.
func (r *Report) addField(tables []*table, id int32, wrong *futurisysv1.Violation) {
	kind, line := holder(tables, id)
	column := wrong.GetField()
	for _, t := range tables {
		for _, bound := range t.columns {
			if bound.field == wrong.GetField() {
				kind, line, column = t.kind, t.lines[id].number, bound.header
			}
		}
	}
	wrong.Field = column
	r.put(kind, line, wrong)
}

// parseID reads an employee's id from the key column of a kind of file.
func parseID(kind Kind, text string) (int32, *cellError) {
	digits := sheet.Text(text)
	if kind == Evaluation {
		var ok bool
		if digits, ok = strings.CutPrefix(digits, "E_"); !ok {
			return 0, &cellError{futurisysv1.ViolationReason_VIOLATION_REASON_NOT_REVIEW_NUMBER, text}
		}
	}
	id, ok := sheet.Integer(digits)
	if !ok || id < 1 || id > math.MaxInt32 {
		return 0, &cellError{futurisysv1.ViolationReason_VIOLATION_REASON_NOT_EMPLOYEE_NUMBER, text}
	}
	return int32(id), nil
}
