package ui

import (
	"bytes"
	"testing"

	"github.com/futurisys/futurisys/gateway/internal/dashboard/texts"
	"github.com/futurisys/futurisys/proto/catalogue"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// views are those of readers of English and of French.
func views(t *testing.T) (english, french *View) {
	t.Helper()
	catalogue, err := texts.Load()
	if err != nil {
		t.Fatal(err)
	}
	return &View{Language: catalogue.Choose("en", "")}, &View{Language: catalogue.Choose("fr", "")}
}

// What is exported opens in a spreadsheet of the reader's language, and no name in it
// is taken for a formula.
func TestExportsAreSafeAndLocal(t *testing.T) {
	english, french := views(t)
	for _, test := range []struct {
		v    *View
		want string
	}{
		{english, "\uFEFF'=cmd(),0.5,\"a,b\"\r\n"},
		{french, "\uFEFF'=cmd();0,5;a,b\r\n"},
	} {
		var out bytes.Buffer
		table := NewTable(test.v, &out)
		table.Row([]string{table.Text("=cmd()"), table.Decimal(0.5), table.Text("a,b")})
		if err := table.Close(); err != nil || out.String() != test.want {
			t.Errorf("got %q, %v", out.String(), err)
		}
	}
	for _, text := range []string{"+1", "-1", "@x", "\tx", "\rx"} {
		if got := (&Table{v: english}).Text(text); got != "'"+text {
			t.Errorf("%q is written as %q", text, got)
		}
	}
}

// What a service finds wrong is read in the reader's language.
func TestViolationsAreInTheReadersLanguage(t *testing.T) {
	english, french := views(t)
	years := catalogue.Violation(futurisysv1.ViolationReason_VIOLATION_REASON_MORE_YEARS, "tenure_years", "value", 9, "other", "total_experience_years", "limit", 5)
	for _, test := range []struct{ got, want string }{
		{french.Violation(catalogue.Violation(futurisysv1.ViolationReason_VIOLATION_REASON_NOT_INTEGER, "age", "value", `"x"`)), `doit être un nombre entier, pas "x"`},
		{french.Violation(years), "ces années se contredisent (9, pour " + french.T("field_total_experience_years") + " : 5)"},
		{english.Violation(years), "9 is more than " + english.T("field_total_experience_years") + ", 5"},
		{french.Violation(&futurisysv1.Violation{Message: "of before there were reasons"}), "of before there were reasons"},
		{french.Violation(&futurisysv1.Violation{Reason: 9999, Message: "of a newer service"}), "of a newer service"},
		{french.Warning(catalogue.Violation(futurisysv1.ViolationReason_VIOLATION_REASON_NOT_EXPLAINED, ""), nil), catalogue.Sentence(catalogue.French, futurisysv1.ViolationReason_VIOLATION_REASON_NOT_EXPLAINED, nil)},
	} {
		if test.got != test.want {
			t.Errorf("got %q, want %q", test.got, test.want)
		}
	}
}
