package pagetoken_test

import (
	"errors"
	"testing"
	"time"

	"github.com/futurisys/futurisys/services/platform/pagetoken"
)

type key struct {
	At time.Time
	ID string
}

type query struct{ Filter string }

func TestRoundTrip(t *testing.T) {
	want := key{time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC), "é/+="}
	token, err := pagetoken.Encode(query{"a"}, want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := pagetoken.Decode[key](query{"a"}, token)
	if err != nil || !got.At.Equal(want.At) || got.ID != want.ID {
		t.Errorf("got %v, %v", got, err)
	}
	if first, err := pagetoken.Decode[key](query{"a"}, ""); first != nil || err != nil {
		t.Errorf("no token is the first page, got %v, %v", first, err)
	}
}

func TestTokenOfAnotherListIsRefused(t *testing.T) {
	token, err := pagetoken.Encode(query{"a"}, key{ID: "x"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pagetoken.Decode[key](query{"b"}, token); !errors.Is(err, pagetoken.ErrInvalid) {
		t.Errorf("another filter: %v", err)
	}
	if _, err := pagetoken.Decode[key]("a", token); !errors.Is(err, pagetoken.ErrInvalid) {
		t.Errorf("another list: %v", err)
	}
}

func TestSize(t *testing.T) {
	for asked, want := range map[int32]int{0: 50, 1: 1, 1000: 1000, 1001: 1000, 1_000_000_000: 1000, -1: 50} {
		if got := pagetoken.Size(asked); got != want {
			t.Errorf("%d gives %d, want %d", asked, got, want)
		}
	}
}

// FuzzDecode holds for any text: a key, or ErrInvalid, and never a panic.
func FuzzDecode(f *testing.F) {
	token, err := pagetoken.Encode(query{"a"}, key{ID: "x"})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(token)
	f.Add("")
	f.Add("e30")
	f.Fuzz(func(t *testing.T, text string) {
		got, err := pagetoken.Decode[key](query{"a"}, text)
		if err != nil && !errors.Is(err, pagetoken.ErrInvalid) {
			t.Fatal(err)
		}
		if err == nil && got == nil && text != "" {
			t.Fatal("a token without a key")
		}
	})
}
