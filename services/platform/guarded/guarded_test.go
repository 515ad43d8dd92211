package guarded_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/futurisys/futurisys/services/platform/guarded"
)

func TestCall(t *testing.T) {
	plain := errors.New("plain")
	if err := guarded.Call(func() error { return plain }); !errors.Is(err, plain) {
		t.Errorf("got %v", err)
	}
	if err := guarded.Call(func() error { return nil }); err != nil {
		t.Errorf("got %v", err)
	}
	err := guarded.Call(func() error {
		panic("at the disco")
	})
	if err == nil || !strings.Contains(err.Error(), "at the disco") || !strings.Contains(err.Error(), "guarded_test.go") {
		t.Errorf("got %v, want what happened and where", err)
	}
}
