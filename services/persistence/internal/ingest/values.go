package ingest

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/futurisys/futurisys/services/persistence/internal/store"
)

// setter writes one cell into a profile. An empty cell means that the value is
// not known.
type setter = func(p *store.Profile, text string) error

var errText = errors.New("is longer than 100 characters")

// longestText is the longest text that the API takes.
const longestText = 100

func number(of func(*store.Profile) **int32) setter {
	return func(p *store.Profile, cell string) error {
		return setNumber(of(p), cell, cell, "a whole number")
	}
}

// percentage reads "11 %", as the extracts have it, or "11".
func percentage(of func(*store.Profile) **int32) setter {
	return func(p *store.Profile, cell string) error {
		digits := strings.TrimRight(strings.TrimSuffix(cell, "%"), " \u00a0\u202f")
		return setNumber(of(p), digits, cell, `a whole percentage such as "11 %"`)
	}
}

func setNumber(to **int32, digits, cell, wanted string) error {
	if cell == "" {
		*to = nil
		return nil
	}
	value, err := strconv.ParseInt(digits, 10, 32)
	if err != nil {
		return fmt.Errorf("must be %s, not %s", wanted, quote(cell))
	}
	small := int32(value)
	*to = &small
	return nil
}

func text(of func(*store.Profile) **string) setter {
	return func(p *store.Profile, cell string) error {
		if cell == "" {
			*of(p) = nil
			return nil
		}
		if len([]rune(cell)) > longestText {
			return errText
		}
		*of(p) = &cell
		return nil
	}
}

// yesNo reads Oui and Non, as the extracts have it, or true and false.
func yesNo(of func(*store.Profile) **bool) setter {
	return func(p *store.Profile, cell string) error {
		var value bool
		switch strings.ToLower(cell) {
		case "":
			*of(p) = nil
			return nil
		case "oui", "true":
			value = true
		case "non", "false":
		default:
			return fmt.Errorf("must be Oui or Non, not %s", quote(cell))
		}
		*of(p) = &value
		return nil
	}
}

// quote shows a cell in a message, cut to a length that fits one.
func quote(cell string) string {
	const longest = 40
	runes := []rune(cell)
	if len(runes) > longest {
		return fmt.Sprintf("%q...", string(runes[:longest]))
	}
	return fmt.Sprintf("%q", cell)
}
