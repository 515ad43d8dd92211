// Package server answers the gRPC calls of persistence: check, call, map.
package server

import (
	"errors"
	"fmt"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/futurisys/futurisys/services/persistence/internal/store"
	"github.com/futurisys/futurisys/services/platform/apierr"
	"github.com/futurisys/futurisys/services/platform/pagetoken"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// retryAfter is when a caller should try again while the database is away.
const retryAfter = 2 * time.Second

// Explain says what the store's errors mean wherever they come from; see
// grpcserver.Options.
func Explain(err error) error {
	if errors.Is(err, store.ErrAway) {
		return fmt.Errorf("%w: %w", apierr.Unavailable(retryAfter, "the database is away; try again"), err)
	}
	return err
}

// employeeError says what the store's errors mean for an employee.
func employeeError(err error, id int32) error {
	switch {
	case errors.Is(err, store.ErrNotFound):
		return apierr.New(codes.NotFound, futurisysv1.ErrorReason_ERROR_REASON_EMPLOYEE_NOT_FOUND, "no employee %d on record", id)
	case errors.Is(err, store.ErrExists):
		return apierr.New(codes.AlreadyExists, futurisysv1.ErrorReason_ERROR_REASON_EMPLOYEE_ALREADY_EXISTS, "employee %d is on record already", id)
	case errors.Is(err, store.ErrChanged):
		return staleEtag(id)
	default:
		return err
	}
}

func staleEtag(id int32) error {
	return apierr.New(codes.Aborted, futurisysv1.ErrorReason_ERROR_REASON_ETAG_MISMATCH,
		"the record of employee %d changed since it was read: read it again", id)
}

func invalidArgument(field, description string) error {
	return apierr.Invalid(futurisysv1.ErrorReason_ERROR_REASON_INVALID_ARGUMENT,
		[]apierr.Violation{{Field: field, Description: description}})
}

// decodeToken returns the key of a page token, nil for the first page.
func decodeToken[K any](query any, token string) (*K, error) {
	key, err := pagetoken.Decode[K](query, token)
	if err != nil {
		return nil, apierr.New(codes.InvalidArgument, futurisysv1.ErrorReason_ERROR_REASON_INVALID_PAGE_TOKEN,
			"page_token is not one that this list gave, or filters or order are not those of its page")
	}
	return key, nil
}
