package requestid_test

import (
	"strings"
	"testing"

	"google.golang.org/grpc/metadata"

	"github.com/futurisys/futurisys/services/platform/requestid"
)

func TestChooseTakesOnlyWhatCanStandInALog(t *testing.T) {
	for given, taken := range map[string]bool{
		"": false, "a": true, "7f3c-91:b/2+4=": true, strings.Repeat("x", 64): true, strings.Repeat("x", 65): false,
		"two words": false, "line\nbreak": false, `a"b`: false, "é": false, "a\x00b": false,
	} {
		got := requestid.Choose(given)
		if (got == given) != taken || got == "" {
			t.Errorf("%q: got %q", given, got)
		}
	}
	if one, other := requestid.Choose(""), requestid.Choose(""); one == other {
		t.Error("two requests have one id")
	}
}

func TestAnIDGoesAlongOverGRPC(t *testing.T) {
	out, _ := metadata.FromOutgoingContext(requestid.ToMetadata(requestid.With(t.Context(), "abc")))
	ctx, id := requestid.FromMetadata(metadata.NewIncomingContext(t.Context(), out))
	if id != "abc" || requestid.From(ctx) != "abc" {
		t.Errorf("got %q, %q", id, requestid.From(ctx))
	}
	if _, set := metadata.FromOutgoingContext(requestid.ToMetadata(t.Context())); set {
		t.Error("a call of no request says that it belongs to one")
	}
}
