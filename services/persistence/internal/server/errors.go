// Package server answers the gRPC calls of persistence: check, call, map.
package server

import (
	"errors"
	"fmt"
	"time"

	"github.com/futurisys/futurisys/services/persistence/internal/store"
	"github.com/futurisys/futurisys/services/platform/apierr"
	"github.com/futurisys/futurisys/services/platform/pagetoken"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// retryAfter is when a caller should try again while the database is unavailable.
const retryAfter = 2 * time.Second

// MapError turns the store's errors into what a caller sees, wherever they come from; see
// grpcserver.Options.
func MapError(err error) error {
	if errors.Is(err, store.ErrUnavailable) {
		return fmt.Errorf("%w: %w", apierr.Unavailable("database", retryAfter), err)
	}
	if errors.Is(err, store.ErrTimeout) {
		return fmt.Errorf("%w: %w", apierr.New(futurisysv1.ErrorReason_ERROR_REASON_DEADLINE_EXCEEDED), err)
	}
	return err
}

// employeeError says what the store's errors mean for an employee.
func employeeError(err error, id int32) error {
	switch {
	case errors.Is(err, store.ErrNotFound):
		return apierr.New(futurisysv1.ErrorReason_ERROR_REASON_EMPLOYEE_NOT_FOUND, "employees", id)
	case errors.Is(err, store.ErrExists):
		return apierr.New(futurisysv1.ErrorReason_ERROR_REASON_EMPLOYEE_ALREADY_EXISTS, "employee", id)
	case errors.Is(err, store.ErrChanged):
		return changed(fmt.Sprintf("employee %d", id))
	default:
		return err
	}
}

// changed says that something is not any more what the caller read.
func changed(resource string) error {
	return apierr.New(futurisysv1.ErrorReason_ERROR_REASON_ETAG_MISMATCH, apierr.ResourceKey, resource)
}

// decodeToken returns the key of a page token, nil for the first page.
func decodeToken[K any](query any, token string) (*K, error) {
	key, err := pagetoken.Decode[K](query, token)
	if err != nil {
		return nil, apierr.New(futurisysv1.ErrorReason_ERROR_REASON_INVALID_PAGE_TOKEN)
	}
	return key, nil
}

// totalSize is how long a list is. A page token may be made up: with one that leads beyond the
// end, how many there are would be an answer about persons that no audit event names.
func totalSize[R any](page *store.Page[R], first bool) int32 {
	if !first && len(page.Rows) == 0 {
		return 0
	}
	return int32(page.Total)
}
