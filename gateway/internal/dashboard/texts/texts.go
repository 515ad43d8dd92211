// Package texts holds what the dashboard says, a catalogue for each language, and
// how each language writes numbers and times.
package texts

import (
	"embed"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/BurntSushi/toml"
	"github.com/nicksnyder/go-i18n/v2/i18n"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
	"golang.org/x/text/number"
)

//go:embed fr.toml en.toml
var files embed.FS

// Languages are those that there is a catalogue for, the usual one first.
func Languages() []string { return []string{"fr", "en"} }

// Catalogue holds the texts of all languages.
type Catalogue struct {
	languages map[string]*Language
	matcher   language.Matcher
}

// Language says things in one language. It may be used by many goroutines at once.
type Language struct {
	Code      string
	localizer *i18n.Localizer
	printer   *message.Printer
}

// Load reads the catalogues.
func Load() (*Catalogue, error) {
	c := &Catalogue{languages: map[string]*Language{}}
	bundle := i18n.NewBundle(language.French)
	bundle.RegisterUnmarshalFunc("toml", toml.Unmarshal)
	var tags []language.Tag
	for _, code := range Languages() {
		if _, err := bundle.LoadMessageFileFS(files, code+".toml"); err != nil {
			return nil, fmt.Errorf("read the texts of %s: %w", code, err)
		}
		tag := language.MustParse(code)
		tags = append(tags, tag)
		c.languages[code] = &Language{Code: code, localizer: i18n.NewLocalizer(bundle, code), printer: message.NewPrinter(tag)}
	}
	c.matcher = language.NewMatcher(tags)
	return c, nil
}

// Choose returns the language that was chosen, or else the best for an
// Accept-Language header.
func (c *Catalogue) Choose(chosen, accepted string) *Language {
	if known, ok := c.languages[chosen]; ok {
		return known
	}
	wanted, _, err := language.ParseAcceptLanguage(accepted)
	if err != nil {
		wanted = nil
	}
	_, place, _ := c.matcher.Match(wanted...)
	return c.languages[Languages()[place]]
}

// T is the text of a key. Pairs are the names and values of what stands in it. A key
// that is missing is shown itself: a test finds it before.
func (l *Language) T(key string, pairs ...any) string {
	return l.text(&i18n.LocalizeConfig{MessageID: key, TemplateData: data(pairs)})
}

// N is a text about a count, which stands in it as {{.Count}}.
func (l *Language) N(key string, count int, pairs ...any) string {
	values := data(pairs)
	values["Count"] = l.Integer(count)
	return l.text(&i18n.LocalizeConfig{MessageID: key, TemplateData: values, PluralCount: count})
}

// Has says whether there is a text of a key.
func (l *Language) Has(key string) bool {
	_, tag, err := l.localizer.LocalizeWithTag(&i18n.LocalizeConfig{MessageID: key, PluralCount: 2, TemplateData: map[string]any{}})
	return err == nil && strings.HasPrefix(tag.String(), l.Code)
}

func (l *Language) text(config *i18n.LocalizeConfig) string {
	text, err := l.localizer.Localize(config)
	if err != nil {
		return config.MessageID
	}
	return text
}

func data(pairs []any) map[string]any {
	values := make(map[string]any, len(pairs)/2+1) //nolint:mnd // pairs
	for i := 0; i+1 < len(pairs); i += 2 {
		values[fmt.Sprint(pairs[i])] = pairs[i+1]
	}
	return values
}

// Integer writes a whole number with its groups.
func (l *Language) Integer(value int) string { return l.printer.Sprint(number.Decimal(value)) }

// Decimal writes a number with so many decimals at most.
func (l *Language) Decimal(value float64, decimals int) string {
	return l.printer.Sprint(number.Decimal(value, number.MaxFractionDigits(decimals)))
}

// Fixed writes a number with just so many decimals. What rounds to nothing has no sign.
func (l *Language) Fixed(value float64, decimals int) string {
	scale := math.Pow10(decimals)
	value = math.Round(value*scale)/scale + 0 // -0 becomes 0
	return l.printer.Sprint(number.Decimal(value, number.MaxFractionDigits(decimals), number.MinFractionDigits(decimals)))
}

// Signed is Fixed with its sign.
func (l *Language) Signed(value float64, decimals int) string {
	if math.Round(value*math.Pow10(decimals)) > 0 {
		return "+" + l.Fixed(value, decimals)
	}
	return l.Fixed(value, decimals)
}

// Percent writes a share of 1 as whole percent. What is not quite none or all is not
// shown as such.
func (l *Language) Percent(share float64) string {
	switch {
	case share > 0 && share < 0.01: //nolint:mnd // a percent
		return "< " + l.printer.Sprint(number.Percent(0.01)) //nolint:mnd // a percent
	case share < 1 && share > 0.99: //nolint:mnd // 99 percent
		return "> " + l.printer.Sprint(number.Percent(0.99)) //nolint:mnd // 99 percent
	}
	return l.printer.Sprint(number.Percent(share, number.MaxFractionDigits(0)))
}

// Points writes a difference of two shares in whole percentage points.
func (l *Language) Points(difference float64) string {
	return l.T("points", "Value", l.Signed(difference*100, 0)) //nolint:mnd // percent
}

// Time writes a moment to the minute, in the time zone of this process.
func (l *Language) Time(at time.Time) string {
	return l.Date(at) + " " + at.Local().Format("15:04") //nolint:gosmopolitan // the analysts' own clock: TZ
}

// Date writes a day, in the time zone of this process.
func (l *Language) Date(at time.Time) string {
	at = at.Local() //nolint:gosmopolitan // the analysts' own clock: TZ
	return l.T("date", "Day", at.Day(), "Month", l.T(fmt.Sprintf("month_%d", at.Month())), "Year", at.Year())
}
