// Package requestid names each request, so that the lines that its processes log about it
// and the answer that its caller got can be found by one word.
package requestid

import (
	"context"
	"fmt"
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
	return fmt.Sprintf("%016x", rand.Uint64()) //nolint:gosec // a name, not a secret
}

// unfit says that a character could not stand in a log line as it is.
func unfit(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("-_.:/+=", r)
}

// FromMetadata returns a context of the request that came over gRPC, and its id.
func FromMetadata(ctx context.Context) (context.Context, string) {
	given := ""
	if values := metadata.ValueFromIncomingContext(ctx, metadataKey); len(values) > 0 {
		given = values[0]
	}
	id := Choose(given)
	return With(ctx, id), id
}

// ToMetadata returns a context whose calls over gRPC carry the request's id.
func ToMetadata(ctx context.Context) context.Context {
	if id := From(ctx); id != "" {
		return metadata.AppendToOutgoingContext(ctx, metadataKey, id)
	}
	return ctx
}

// Answer is the metadata that tells a caller over gRPC the id.
func Answer(id string) metadata.MD { return metadata.MD{metadataKey: {id}} }
