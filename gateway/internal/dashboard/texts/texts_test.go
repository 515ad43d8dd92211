package texts_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/BurntSushi/toml"

	"github.com/futurisys/futurisys/gateway/internal/dashboard/texts"
)

func load(t *testing.T) map[string]*texts.Language {
	t.Helper()
	catalogue, err := texts.Load()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]*texts.Language{}
	for _, code := range texts.Languages() {
		out[code] = catalogue.Choose(code, "")
	}
	return out
}

func keys(t *testing.T, code string) map[string]any {
	t.Helper()
	out := map[string]any{}
	if _, err := toml.DecodeFile(code+".toml", &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// Somebody who reads English must not find a word of French, or the name of a key.
func TestBothLanguagesSayTheSameThings(t *testing.T) {
	french, english := keys(t, "fr"), keys(t, "en")
	place := regexp.MustCompile(`\{\{\.\w+\}\}`)
	for key, text := range french {
		other, ok := english[key]
		if !ok {
			t.Errorf("%s is missing in English", key)
			continue
		}
		one, isText := text.(string)
		two, otherIsText := other.(string)
		if isText != otherIsText {
			t.Errorf("%s counts in one language only", key)
		}
		if a, b := place.FindAllString(one, -1), place.FindAllString(two, -1); isText && !slices.Equal(sorted(a), sorted(b)) {
			t.Errorf("%s has %v in French and %v in English", key, a, b)
		}
	}
	for key := range english {
		if _, ok := french[key]; !ok {
			t.Errorf("%s is missing in French", key)
		}
	}
}

func sorted(list []string) []string {
	slices.Sort(list)
	return list
}

// Every key that a page uses is there, and no key is kept that none uses.
func TestKeysAreThoseThatThePagesUse(t *testing.T) {
	var sources strings.Builder
	for _, pattern := range []string{"../*.go", "../*.templ", "../*/*.go", "../*/*.templ"} {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			if strings.HasSuffix(path, "_templ.go") || strings.HasSuffix(path, "_test.go") {
				continue
			}
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			sources.Write(text)
		}
	}
	languages := load(t)
	used := map[string]bool{}
	for _, match := range regexp.MustCompile(`\.[TN]\("([a-zA-Z_0-9]+)"[,)]`).FindAllStringSubmatch(sources.String(), -1) {
		used[match[1]] = true
		for code, language := range languages {
			if !language.Has(match[1]) {
				t.Errorf("%q is used and missing in %s", match[1], code)
			}
		}
	}
	quoted := map[string]bool{}
	for _, match := range regexp.MustCompile(`"([a-zA-Z_0-9]+)"`).FindAllStringSubmatch(sources.String(), -1) {
		quoted[match[1]] = true
	}
	// Keys that are put together where they are used.
	families := []string{
		"away_", "band_", "counterfactual_", "detail_", "error_", "field_", "group_", "import_", "kind_", "make_", "metric_", "month_",
		"action_", "nav_", "order_", "reasons_", "role_", "recording_", "service_", "space_", "state_", "unit_",
	}
	for key := range keys(t, "fr") {
		inFamily := slices.ContainsFunc(families, func(family string) bool { return strings.HasPrefix(key, family) })
		if !used[key] && !quoted[key] && !inFamily && key != "date" && key != "points" {
			t.Errorf("nobody uses %q", key)
		}
	}
}

func TestNumbersAndTimesAreTheReaders(t *testing.T) {
	languages := load(t)
	at := time.Date(2026, 2, 3, 14, 5, 0, 0, time.Local) //nolint:gosmopolitan // as the pages show it
	for name, test := range map[string]struct {
		say    func(*texts.Language) string
		fr, en string
	}{
		"percent":       {func(l *texts.Language) string { return l.Percent(0.714) }, "71 %", "71%"},
		"almost none":   {func(l *texts.Language) string { return l.Percent(0.0004) }, "< 1 %", "< 1%"},
		"almost all":    {func(l *texts.Language) string { return l.Percent(0.9999) }, "> 99 %", "> 99%"},
		"none":          {func(l *texts.Language) string { return l.Percent(0) }, "0 %", "0%"},
		"all":           {func(l *texts.Language) string { return l.Percent(1) }, "100 %", "100%"},
		"decimal":       {func(l *texts.Language) string { return l.Decimal(1234.5678, 2) }, "1 234,57", "1,234.57"},
		"up":            {func(l *texts.Language) string { return l.Signed(0.5, 2) }, "+0,50", "+0.50"},
		"next to none":  {func(l *texts.Language) string { return l.Signed(-0.001, 2) }, "0,00", "0.00"},
		"points":        {func(l *texts.Language) string { return l.Points(-0.05) }, "-5 pts", "-5 pts"},
		"time":          {func(l *texts.Language) string { return l.Time(at) }, "3 févr. 2026 14:05", "3 Feb 2026 14:05"},
		"one":           {func(l *texts.Language) string { return l.N("employees_count", 1) }, "1 salarié", "1 employee"},
		"many":          {func(l *texts.Language) string { return l.N("employees_count", 1470) }, "1 470 salariés", "1,470 employees"},
		"zero":          {func(l *texts.Language) string { return l.N("years", 0) }, "0 an", "0 years"},
		"a missing key": {func(l *texts.Language) string { return l.T("nothing_of_the_kind") }, "nothing_of_the_kind", "nothing_of_the_kind"},
	} {
		for code, want := range map[string]string{"fr": test.fr, "en": test.en} {
			got := strings.NewReplacer("\u00a0", " ", "\u202f", " ", "\u2212", "-").Replace(test.say(languages[code]))
			if got != want {
				t.Errorf("%s in %s: got %q, want %q", name, code, got, want)
			}
		}
	}
}

func TestLanguageIsChosen(t *testing.T) {
	catalogue, err := texts.Load()
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct{ chosen, accepted, want string }{
		"nothing said":             {"", "", "fr"},
		"what was chosen":          {"en", "fr", "en"},
		"what is accepted":         {"", "en-GB,en;q=0.9", "en"},
		"the better of two":        {"", "de,en;q=0.5,fr;q=0.8", "fr"},
		"none of ours":             {"", "ja", "fr"},
		"a header that is no list": {"xx", "\x00;;q=,", "fr"},
	} {
		if got := catalogue.Choose(test.chosen, test.accepted).Code; got != test.want {
			t.Errorf("%s: got %s, want %s", name, got, test.want)
		}
	}
}
