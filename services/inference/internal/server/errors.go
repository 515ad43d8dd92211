// Package server answers the gRPC calls of inference: check, call, map.
package server

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/futurisys/futurisys/services/inference/internal/recorder"
	"github.com/futurisys/futurisys/services/inference/internal/registry"
	"github.com/futurisys/futurisys/services/inference/internal/scoring"
	"github.com/futurisys/futurisys/services/platform/apierr"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// retryAfter is when a caller should try again while models are being loaded, or
// while their repository is unavailable.
const retryAfter = 2 * time.Second

// MapError turns the errors of scoring and recording into what a caller sees, wherever
// they come from; see grpcserver.Options.
func MapError(err error) error {
	if errors.Is(err, recorder.ErrUnavailable) {
		return fmt.Errorf("%w: %w", apierr.Unavailable("record of predictions", retryAfter).Of("persistence"), err)
	}
	if errors.Is(err, scoring.ErrTooMany) {
		return apierr.InvalidArgument(futurisysv1.ViolationReason_VIOLATION_REASON_TOO_MANY_ESTIMATES, "explain", "max", scoring.MaxEstimated)
	}
	if problems, ok := errors.AsType[scoring.ProfileError](err); ok {
		return profileError(problems.Path, problems.Problems)
	}
	return err
}

// lookupError says which model or version it is that there is not.
func lookupError(err error, model string, version int32, alias string) error {
	switch {
	case errors.Is(err, registry.ErrLoading):
		return apierr.Unavailable("models", retryAfter)
	case errors.Is(err, registry.ErrModel):
		return apierr.New(futurisysv1.ErrorReason_ERROR_REASON_MODEL_NOT_FOUND, "model", model)
	case errors.Is(err, registry.ErrVersion):
		which := "champion"
		if version != 0 {
			which = fmt.Sprintf("version %d", version)
		} else if alias != "" {
			which = "alias " + alias
		}
		return apierr.New(futurisysv1.ErrorReason_ERROR_REASON_MODEL_VERSION_NOT_FOUND, "model", model, "version", which)
	default:
		return err
	}
}

// changeError says why a version or an alias was not changed.
func changeError(err error, model string, version int32, alias string) error {
	wrongState := func(reason futurisysv1.ErrorReason) error {
		return apierr.New(reason, "cause", err)
	}
	switch {
	case errors.Is(err, registry.ErrSource):
		return fmt.Errorf("%w: %w", apierr.Unavailable("model repository", retryAfter), err)
	case errors.Is(err, registry.ErrJournal):
		return fmt.Errorf("%w: %w", apierr.Unavailable("journal of aliases", retryAfter).Of("persistence"), err)
	case errors.Is(err, registry.ErrRefused):
		return wrongState(futurisysv1.ErrorReason_ERROR_REASON_MODEL_VERSION_REFUSED)
	case errors.Is(err, registry.ErrInUse):
		return wrongState(futurisysv1.ErrorReason_ERROR_REASON_MODEL_VERSION_IN_USE)
	case errors.Is(err, registry.ErrSchema):
		return wrongState(futurisysv1.ErrorReason_ERROR_REASON_MODEL_SCHEMA_CHANGED)
	case errors.Is(err, registry.ErrNoEarlier):
		return wrongState(futurisysv1.ErrorReason_ERROR_REASON_NO_EARLIER_VERSION)
	case errors.Is(err, registry.ErrRemove):
		return apierr.InvalidArgument(futurisysv1.ViolationReason_VIOLATION_REASON_CHAMPION_REQUIRED, "version")
	}
	return lookupError(err, model, version, alias)
}

// profileError lists all that is wrong with a profile; path stands before each field.
func profileError(path string, problems []*futurisysv1.Violation) *apierr.Error {
	for _, problem := range problems {
		problem.Field = path + problem.GetField()
	}
	return apierr.Invalid(futurisysv1.ErrorReason_ERROR_REASON_INVALID_PROFILE, problems...)
}

// rowError is an error of a call as that of one row of many.
func rowError(failed *apierr.Error) *futurisysv1.RowError {
	return &futurisysv1.RowError{Reason: failed.Reason, Message: failed.Message(), Violations: failed.Violations, Parameters: failed.Parameters}
}

// unavailablePersistence says that it is persistence that a call needs and does not reach.
func unavailablePersistence() *apierr.Error {
	return apierr.Unavailable("persistence", retryAfter).Of("persistence")
}

// noAnswerError says that a version gave no probability for a row.
func noAnswerError(version *registry.Version) *apierr.Error {
	return apierr.New(futurisysv1.ErrorReason_ERROR_REASON_INVALID_MODEL_ANSWER, "version", version.Number, "model", version.Model)
}

// missingEmployees says which employees are not on record.
func missingEmployees(ids []int32) *apierr.Error {
	const shown = 20
	slices.Sort(ids)
	names := make([]string, 0, shown)
	for _, id := range ids[:min(len(ids), shown)] {
		names = append(names, strconv.Itoa(int(id)))
	}
	list := strings.Join(names, ", ")
	if len(ids) > shown {
		list = fmt.Sprintf("%s and %d more", list, len(ids)-shown)
	}
	return apierr.New(futurisysv1.ErrorReason_ERROR_REASON_EMPLOYEE_NOT_FOUND, "employees", list)
}
