package dashboard

import (
	"regexp"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// said is something that a service says in English, and the key of the same in the
// catalogue. The expression's groups are what stands in it, by their names.
type said struct {
	words *regexp.Regexp
	key   string
}

// serviceWords are what the services say of values, files and themselves. What is not
// among them is shown as it is said.
func serviceWords() []said {
	words := [][2]string{
		{`^is required by this version`, "problem_required"},
		{`^unknown value .*; allowed: (?P<Allowed>.*)$`, "problem_category"},
		{`greater than or equal to (?P<Low>-?\d+) and less than or equal to (?P<High>-?\d+)`, "problem_range"},
		{`^must be a whole number, not (?P<Value>.*)$`, "said_number"},
		{`^must be a whole percentage .*, not (?P<Value>.*)$`, "said_percentage"},
		{`^must be Oui or Non, not (?P<Value>.*)$`, "said_yes_no"},
		{`^must be E_ and the employee's number, not (?P<Value>.*)$`, "said_review_number"},
		{`^must be an employee's number from 1, not (?P<Value>.*)$`, "said_employee_number"},
		{`^is longer than 100 characters`, "problem_text"},
		{`^unknown column$`, "said_unknown_column"},
		{`^this column stands twice$`, "said_column_twice"},
		{`^this column is missing$`, "said_column_missing"},
		{`^has (?P<Found>\d+) fields, the header has (?P<Wanted>\d+)$`, "upload_width"},
		{`^employee (?P<Number>\d+) stands in line (?P<Line>\d+) already$`, "said_twice"},
		{`^employee (?P<Number>\d+) is not in (?P<File>.*)$`, "said_not_in"},
		{`^a joined file comes alone$`, "said_alone"},
		{`^this file is missing`, "said_file_missing"},
		{`^the file has no employee$`, "upload_no_rows"},
		{`^the file is empty$`, "upload_empty"},
		{`^not UTF-8`, "upload_encoding"},
		{`^holds a zero byte`, "upload_binary"},
		{`^not CSV`, "said_not_csv"},
		{`^(?P<Rows>\d+) rows, (?P<Bytes>\d+) of (?P<Most>\d+) bytes$`, "said_outbox"},
		{`^required$`, "said_required"},
		{`^best-effort$`, "said_best_effort"},
		{`^off$`, "said_off"},
		{`^away$`, "said_away"},
		{`^folder$`, "said_folder"},
		{`^does not answer$`, "said_no_answer"},
		{`^the reasons of this row could not be computed`, "said_not_explained"},
	}
	out := make([]said, len(words))
	for i, one := range words {
		out[i] = said{regexp.MustCompile(one[0]), one[1]}
	}
	return out
}

// translated is what a service says, in the reader's language where it is known.
func (v *view) translated(words string) string {
	for _, one := range v.said {
		found := one.words.FindStringSubmatch(words)
		if found == nil {
			continue
		}
		names := one.words.SubexpNames()[1:]
		pairs := make([]any, 0, 2*len(names))
		for i, name := range names {
			pairs = append(pairs, name, found[i+1])
		}
		return v.T(one.key, pairs...)
	}
	return words
}

// warning says in the reader's language what is unusual about a row, as far as the
// version lets it.
func (v *view) warning(w *futurisysv1.Warning, version *futurisysv1.ModelVersion) string {
	feature := featureOf(version, w.GetField())
	name := v.fieldName(w.GetField(), feature)
	switch {
	case w.GetField() == "":
		return v.translated(w.GetMessage())
	case rangeWords.MatchString(w.GetMessage()) && feature != nil:
		return v.T("warning_range", "Field", name, "Low", v.Decimal(feature.GetMin(), 0), "High", v.Decimal(feature.GetMax(), 0))
	case yearsWords.MatchString(w.GetMessage()):
		return v.T("warning_years", "Field", name)
	}
	return name + ": " + w.GetMessage()
}

// What inference says of unusual rows.
var (
	rangeWords = regexp.MustCompile(`outside of the training range`)
	yearsWords = regexp.MustCompile(`is more than \w+, \d+$`)
)
