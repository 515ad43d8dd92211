package sheet

import (
	"regexp"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Text is a text as it is compared: its accents composed (NFC), blanks and line breaks folded
// into one space, and none around.
func Text(cell string) string {
	return norm.NFC.String(strings.Join(strings.FieldsFunc(cell, isBlank), " "))
}

func isBlank(r rune) bool { return unicode.IsSpace(r) || r == '\u200b' || r == '\ufeff' }

// Key is a name of a column as it is looked up: Text, whatever its case.
func Key(name string) string { return strings.ToLower(Text(name)) }

// whole is a whole number as people write it: with blanks between thousands, and with
// decimals where these are zeros.
var whole = regexp.MustCompile(`^([+-]?)(\d{1,3}(?: \d{3})+|\d+)(?:[.,]0*)?$`)

// ambiguous is a number that is a thousand times as much to some people as to others.
var ambiguous = regexp.MustCompile(`^[+-]?\d{1,3}[.,]000$`)

// Integer reads a whole number: 5993, "5 993" with any blank, 5993.0, "5993,00"; not 5.000,
// which is five to some and five thousand to others.
func Integer(cell string) (int64, bool) {
	parts := whole.FindStringSubmatch(Text(cell))
	if parts == nil || ambiguous.MatchString(parts[0]) {
		return 0, false
	}
	number, err := strconv.ParseInt(parts[1]+strings.ReplaceAll(parts[2], " ", ""), 10, 64)
	return number, err == nil
}

// Percent reads a whole number of hundredths: 11, "11 %", "11,00 %".
func Percent(cell string) (int64, bool) {
	return Integer(strings.TrimSuffix(Text(cell), "%"))
}

// Boolean reads yes and no in French and English.
func Boolean(cell string) (value, ok bool) {
	switch Key(cell) {
	case "oui", "yes", "true", "vrai":
		return true, true
	case "non", "no", "false", "faux":
		return false, true
	}
	return false, false
}
