package server

import (
	"cmp"
	"context"
	"strconv"
	"strings"
	"unicode/utf8"

	"google.golang.org/grpc/metadata"

	"github.com/futurisys/futurisys/services/inference/internal/registry"
	"github.com/futurisys/futurisys/services/inference/internal/scoring"
	"github.com/futurisys/futurisys/services/platform/access"
	"github.com/futurisys/futurisys/services/platform/apierr"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// idempotencyKey is the metadata that says what request_id says: the gateway's form
// of the HTTP header.
const idempotencyKey = "idempotency-key"

// longestRequestID is that of the field in the proto, which does not see the header.
const longestRequestID = 200

// requestOf is the caller's name for the call, from the request or the header.
func requestOf(ctx context.Context, requestID string, asked target) (scoring.Request, error) {
	header := metadata.ValueFromIncomingContext(ctx, idempotencyKey)
	if len(header) == 0 || header[0] == "" {
		return scoring.NewRequest(access.Subject(ctx), requestID, requestedOf(asked)), nil
	}
	key := header[0]
	switch {
	case len(header) > 1:
		return scoring.Request{}, apierr.InvalidArgument(futurisysv1.ViolationReason_VIOLATION_REASON_REPEATED, "request_id")
	case requestID != "" && requestID != key:
		return scoring.Request{}, apierr.InvalidArgument(futurisysv1.ViolationReason_VIOLATION_REASON_HEADER_MISMATCH, "request_id", "header", "Idempotency-Key")
	case utf8.RuneCountInString(key) > longestRequestID || strings.ContainsRune(key, 0):
		return scoring.Request{}, apierr.InvalidArgument(futurisysv1.ViolationReason_VIOLATION_REASON_TOO_LONG, "request_id", "max", longestRequestID)
	}
	return scoring.NewRequest(access.Subject(ctx), key, requestedOf(asked)), nil
}

// requestedOf is what a call asks for: the number of a version, or an alias.
func requestedOf(asked target) string {
	if asked.GetVersion() != 0 {
		return strconv.Itoa(int(asked.GetVersion()))
	}
	return cmp.Or(asked.GetAlias(), registry.Champion)
}

// reusedError says that a request_id belongs to another row.
func reusedError() *apierr.Error {
	return apierr.New(futurisysv1.ErrorReason_ERROR_REASON_REQUEST_ID_REUSED)
}
