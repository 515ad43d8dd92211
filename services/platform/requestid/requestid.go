// Package requestid names each request, so that the lines that its processes log about it
// and the answer that its caller got can be found by one word.
package requestid

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"strings"

	"google.golang.org/grpc/metadata"
)

// Header is the HTTP header, and in lower case the gRPC metadata, that carries the id both
// ways. A caller may choose it.
const Header = "X-Request-ID"

// metadataKey is Header as gRPC has it.
const metadataKey = "x-request-id"

// maxLength is that of an id that is taken from a caller.
const maxLength = 64

type key struct{}

// From returns the request's id; "": it has none.
func From(ctx context.Context) string {
	id, _ := ctx.Value(key{}).(string)
	return id
}

// With returns a context of the request of that id.
func With(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, key{}, id)
}

// Choose returns the id that a caller gave, or a new one where it gave none, or one that
// could not stand in a log.
func Choose(given string) string {
	if given != "" && len(given) <= maxLength && !strings.ContainsFunc(given, unfit) {
		return given
	}
	var number [8]byte
	binary.BigEndian.PutUint64(number[:], rand.Uint64()) //nolint:gosec // a name, not a secret
	return hex.EncodeToString(number[:])
}

// unfit says that a character could not stand in a log line as it is.
func unfit(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("-_.:/+=", r)
}

// FromMetadata returns a context of the request that came over gRPC, and the answer's
// metadata that tells its caller the id; nil: the caller chose it.
func FromMetadata(ctx context.Context) (context.Context, metadata.MD) {
	given := ""
	if values := metadata.ValueFromIncomingContext(ctx, metadataKey); len(values) > 0 {
		given = values[0]
	}
	id := Choose(given)
	if id == given {
		return With(ctx, id), nil
	}
	return With(ctx, id), metadata.MD{metadataKey: {id}}
}

// ToMetadata returns a context whose calls over gRPC carry the request's id.
func ToMetadata(ctx context.Context) context.Context {
	if id := From(ctx); id != "" {
		return metadata.AppendToOutgoingContext(ctx, metadataKey, id)
	}
	return ctx
}
