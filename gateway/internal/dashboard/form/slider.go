package form

import (
	"strconv"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// Used are the fields that the version uses and whose value is known.
func Used(groups []Group) []Input {
	var out []Input
	for _, group := range groups {
		for _, f := range group.Fields {
			if f.Used {
				out = append(out, f)
			}
		}
	}
	return out
}

// Slides says whether a field is a number whose value is known.
func (f *Input) Slides() bool {
	return f.Kind == protoreflect.Int32Kind && f.Value != ""
}

// Lowest is the low end of a slider that stands at value: that of the training range, or of
// the record where that is outside of it.
func (f *Input) Lowest(value string) string {
	return strconv.Itoa(min(f.Low, integer(f.Value), integer(value)))
}

// Highest is its high end.
func (f *Input) Highest(value string) string {
	return strconv.Itoa(max(f.High, integer(f.Value), integer(value)))
}

func integer(text string) int {
	number, _ := strconv.ParseFloat(text, 64) // 0 for what is none
	return int(number)
}
