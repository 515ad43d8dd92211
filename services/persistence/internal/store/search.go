package store

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// ligatures are letters that no decomposition takes apart, and that people type as two.
var ligatures = strings.NewReplacer("œ", "oe", "æ", "ae", "ß", "ss", "ø", "o", "ł", "l", "đ", "d") //nolint:gochecknoglobals // a constant

// Fold is a text as it is searched: without case and accents, with hyphens, apostrophes
// and any white space as one space.
func Fold(text string) string {
	var out strings.Builder
	for _, r := range norm.NFKD.String(strings.ToLower(text)) {
		switch {
		case unicode.Is(unicode.Mn, r):
		case unicode.IsSpace(r), unicode.Is(unicode.Pd, r), r == '\'', r == '’', r == '|':
			out.WriteByte(' ')
		default:
			out.WriteRune(r)
		}
	}
	return ligatures.Replace(strings.Join(strings.Fields(out.String()), " "))
}

// SearchText is what a search looks through: name, job title and department, each
// with a space before every word.
func (e *Employee) SearchText() string {
	parts := []string{e.DisplayName}
	for _, part := range []*string{e.Profile.JobTitle, e.Profile.Department} {
		if part != nil {
			parts = append(parts, *part)
		}
	}
	var out strings.Builder
	for _, part := range parts {
		if folded := Fold(part); folded != "" {
			out.WriteString(" " + folded + " |") // what is searched for does not reach from one into the next
		}
	}
	return out.String()
}
