package ingest

import (
	"math"

	"github.com/futurisys/futurisys/services/persistence/internal/store"
	"github.com/futurisys/futurisys/services/platform/sheet"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// setter writes one cell into a profile. An empty cell means that the value is
// not known.
type setter = func(p *store.Profile, text string) *cellError

// cellError says that a cell is not what its column takes.
type cellError struct {
	reason futurisysv1.ViolationReason
	cell   string
}

// parameters are those of the reason's sentence.
func (e *cellError) parameters() []any {
	if e.reason == futurisysv1.ViolationReason_VIOLATION_REASON_TOO_LONG {
		return []any{"max", longestText}
	}
	return []any{"value", quote(e.cell)}
}

// longestText is the longest text that the API takes.
const longestText = 100

func number(of func(*store.Profile) **int32) setter {
	return func(p *store.Profile, cell string) *cellError {
		return setNumber(of(p), cell, sheet.Integer, futurisysv1.ViolationReason_VIOLATION_REASON_NOT_INTEGER)
	}
}

// percentage reads "11 %", as the extracts have it, or "11".
func percentage(of func(*store.Profile) **int32) setter {
	return func(p *store.Profile, cell string) *cellError {
		return setNumber(of(p), cell, sheet.Percent, futurisysv1.ViolationReason_VIOLATION_REASON_NOT_PERCENTAGE)
	}
}

func setNumber(to **int32, cell string, read func(string) (int64, bool), otherwise futurisysv1.ViolationReason) *cellError {
	if sheet.Text(cell) == "" {
		*to = nil
		return nil
	}
	value, ok := read(cell)
	if !ok || value < math.MinInt32 || value > math.MaxInt32 {
		return &cellError{otherwise, cell}
	}
	small := int32(value)
	*to = &small
	return nil
}

func text(of func(*store.Profile) **string) setter {
	return func(p *store.Profile, cell string) *cellError {
		cell = sheet.Text(cell)
		if cell == "" {
			*of(p) = nil
			return nil
		}
		if len([]rune(cell)) > longestText {
			return &cellError{futurisysv1.ViolationReason_VIOLATION_REASON_TOO_LONG, cell}
		}
		*of(p) = &cell
		return nil
	}
}

// yesNo reads Oui and Non, as the extracts have it, and what else sheet.Boolean takes.
func yesNo(of func(*store.Profile) **bool) setter {
	return func(p *store.Profile, cell string) *cellError {
		if sheet.Text(cell) == "" {
			*of(p) = nil
			return nil
		}
		value, ok := sheet.Boolean(cell)
		if !ok {
			return &cellError{futurisysv1.ViolationReason_VIOLATION_REASON_NOT_YES_OR_NO, cell}
		}
		*of(p) = &value
		return nil
	}
}

// quote shows a cell in a message as it stands, cut to a length that fits one.
func quote(cell string) string {
	const longest = 40
	runes := []rune(cell)
	if len(runes) > longest {
		return `"` + string(runes[:longest]) + `..."`
	}
	return `"` + cell + `"`
}
