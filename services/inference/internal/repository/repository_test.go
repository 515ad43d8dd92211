package repository

import (
	"strconv"
	"strings"
	"testing"
)

func TestNumbersOfVersions(t *testing.T) {
	for semantic, want := range map[string]int32{
		"1.0.0": 1_000_000, "0.0.1": 1, "1.2.3": 1_002_003, "2146.999.999": 2_146_999_999,
		"0.0.0": 0, "1.0": 0, "1.0.1000": 0, "1.1000.0": 0, "2147.0.0": 0, "1.0.0-rc1": 0, "01.0.0": 0, "v1.0.0": 0, "": 0,
		"99999999999999999999.0.0": 0,
	} {
		got, err := numberOf(semantic)
		if got != want || (err == nil) != (want != 0) {
			t.Errorf("%q: got %d, %v, want %d", semantic, got, err, want)
		}
	}
}

// FuzzNumberOf holds for any text: a number from which the version can be told
// again, or an error.
func FuzzNumberOf(f *testing.F) {
	for _, seed := range []string{"1.0.0", "0.0.1", "2146.999.999", "1.0.0.0", "-1.0.0", "１.0.0"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, semantic string) {
		number, err := numberOf(semantic)
		if err != nil {
			return
		}
		var parts []string
		for _, part := range []int32{number / 1_000_000, number / 1_000 % 1_000, number % 1_000} {
			parts = append(parts, strconv.Itoa(int(part)))
		}
		if number < 1 || strings.Join(parts, ".") != semantic {
			t.Errorf("%q became %d", semantic, number)
		}
	})
}
