package gormstore

import (
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"gorm.io/gorm/clause"

	"github.com/futurisys/futurisys/services/persistence/internal/store"
)

// trigram is how many letters an index of substrings needs; fewer match the beginning
// of words.
const trigram = 3

// searched is the condition of a search, by an index or by reading: see
// store.EmployeeQuery.
func (s *Store) searched(text string, indexed bool) clause.Expr {
	folded := store.Fold(text)
	like := func(before string) clause.Expr {
		contains := "employees.search_text LIKE ? ESCAPE '!'"
		if !indexed {
			contains = "CASE WHEN " + contains + " THEN TRUE ELSE FALSE END" // a half of all, to a planner
		}
		return clause.Expr{SQL: contains, Vars: []any{before + likeEscaper().Replace(folded) + "%"}}
	}
	match := func(table, expression string) clause.Expr {
		return clause.Expr{SQL: "employees.id IN (SELECT rowid FROM " + table + " WHERE " + table + " MATCH ?)", Vars: []any{expression}}
	}
	short := utf8.RuneCountInString(folded) < trigram
	var found clause.Expr
	switch {
	case folded == "":
		found = clause.Expr{SQL: "1 = 0"}
	case (s.dialect == Postgres || !indexed) && short && words(folded):
		found = like("% ")
	case s.dialect == Postgres || !indexed || short && !words(folded): // an index of words has no signs
		found = like("%")
	case short:
		found = match("employee_words", quoted(folded)+" *")
	default:
		found = match("employee_search", quoted(folded))
	}
	return orID(found, text)
}

// orID finds also whoever has the text for a number.
func orID(found clause.Expr, text string) clause.Expr {
	id, err := strconv.ParseInt(strings.TrimSpace(text), 10, 32)
	if err != nil || id < 1 || id > math.MaxInt32 {
		return found
	}
	return clause.Expr{SQL: "(" + found.SQL + " OR employees.id = ?)", Vars: append(found.Vars, id)}
}

// words says whether a text has only letters and digits, as the index of words does.
func words(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool {
		return r != ' ' && !unicode.IsLetter(r) && !unicode.IsDigit(r)
	})
}

// quoted is a text as one string of an FTS5 expression.
func quoted(text string) string { return `"` + strings.ReplaceAll(text, `"`, `""`) + `"` }

// likeEscaper makes a caller's text mean itself inside LIKE ... ESCAPE '!'.
func likeEscaper() *strings.Replacer { return strings.NewReplacer("!", "!!", "%", "!%", "_", "!_") }
