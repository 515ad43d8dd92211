package store_test

import (
	"testing"

	"github.com/futurisys/futurisys/services/persistence/internal/store"
)

func TestFold(t *testing.T) {
	for text, want := range map[string]string{
		"Élodie MARTIN":        "elodie martin",
		"E\u0301lodie":         "elodie",
		"Jean-Pierre d’Ornano": "jean pierre d ornano",
		"Cœur  \t\u00a0Łódź":   "coeur lodz",
		"İpek Straße ﬁn":       "ipek strasse fin",
		"100% a_b !":           "100% a_b !",
		"  ":                   "",
	} {
		if got := store.Fold(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}
