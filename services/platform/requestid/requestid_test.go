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
	ctx, answer := requestid.FromMetadata(metadata.NewIncomingContext(t.Context(), out))
	if answer != nil || requestid.From(ctx) != "abc" {
		t.Errorf("got %q, %v", requestid.From(ctx), answer)
	}
	ctx, answer = requestid.FromMetadata(t.Context())
	if got := answer.Get(requestid.Header); len(got) != 1 || got[0] == "" || got[0] != requestid.From(ctx) {
		t.Errorf("a caller who chose none is told %v of %q", got, requestid.From(ctx))
	}
	if _, set := metadata.FromOutgoingContext(requestid.ToMetadata(t.Context())); set {
		t.Error("a call of no request says that it belongs to one")
	}
}
