// Package server answers the gRPC calls of inference: check, call, map.
package server

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/futurisys/futurisys/services/inference/internal/features"
	"github.com/futurisys/futurisys/services/inference/internal/registry"
	"github.com/futurisys/futurisys/services/inference/internal/scoring"
	"github.com/futurisys/futurisys/services/platform/apierr"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// retryAfter is when a caller should try again while models are being loaded, or
// while their repository is away.
const retryAfter = 2 * time.Second

// lookupError says which model or version it is that there is not.
func lookupError(err error, model string, version int32, alias string) error {
	switch {
	case errors.Is(err, registry.ErrLoading):
		return apierr.Unavailable(retryAfter, "the models are being loaded")
	case errors.Is(err, registry.ErrModel):
		return apierr.New(codes.NotFound, futurisysv1.ErrorReason_ERROR_REASON_MODEL_NOT_FOUND, "no model %q", model)
	case errors.Is(err, registry.ErrVersion):
		which := "champion"
		if version != 0 {
			which = fmt.Sprintf("version %d", version)
		} else if alias != "" {
			which = fmt.Sprintf("alias %q", alias)
		}
		return apierr.New(codes.NotFound, futurisysv1.ErrorReason_ERROR_REASON_MODEL_VERSION_NOT_FOUND,
			"model %q has no %s that can be asked for", model, which)
	default:
		return err
	}
}

// changeError says why a version or an alias was not changed.
func changeError(err error, model string, version int32, alias string) error {
	wrongState := func(reason futurisysv1.ErrorReason) error {
		return apierr.New(codes.FailedPrecondition, reason, "%s", err)
	}
	switch {
	case errors.Is(err, registry.ErrSource):
		return apierr.Unavailable(retryAfter, "%s", err)
	case errors.Is(err, registry.ErrJournal):
		away := unavailablePersistence()
		away.Message = "the journal of aliases is unavailable: nothing was changed; try again"
		return away
	case errors.Is(err, registry.ErrRefused):
		return wrongState(futurisysv1.ErrorReason_ERROR_REASON_MODEL_VERSION_REFUSED)
	case errors.Is(err, registry.ErrInUse):
		return wrongState(futurisysv1.ErrorReason_ERROR_REASON_MODEL_VERSION_IN_USE)
	case errors.Is(err, registry.ErrSchema):
		return wrongState(futurisysv1.ErrorReason_ERROR_REASON_MODEL_SCHEMA_CHANGED)
	case errors.Is(err, registry.ErrNoEarlier):
		return wrongState(futurisysv1.ErrorReason_ERROR_REASON_NO_EARLIER_VERSION)
	case errors.Is(err, registry.ErrRemove):
		return invalidArgument("version", err.Error())
	}
	return lookupError(err, model, version, alias)
}

// scoreError says what a caller can do about rows that were not scored.
func scoreError(err error) error {
	if errors.Is(err, scoring.ErrTooMany) {
		return invalidArgument("explain", err.Error())
	}
	if problems, ok := errors.AsType[scoring.ProfileError](err); ok {
		return profileError(problems.Path, problems.Problems)
	}
	return err
}

// profileError lists all that is wrong with a profile; path stands before each field.
func profileError(path string, problems []features.Problem) *apierr.Error {
	violations := make([]apierr.Violation, len(problems))
	for i, problem := range problems {
		violations[i] = apierr.Violation{Field: path + problem.Field, Description: problem.Description}
	}
	return apierr.Invalid(futurisysv1.ErrorReason_ERROR_REASON_INVALID_PROFILE, violations)
}

// rowError says the same as profileError about one row of many.
func rowError(problems []features.Problem) *futurisysv1.RowError {
	whole := profileError("", problems)
	out := &futurisysv1.RowError{Reason: whole.Reason, Message: whole.Message}
	for _, problem := range problems {
		out.FieldViolations = append(out.FieldViolations, &futurisysv1.FieldViolation{
			Field: problem.Field, Description: problem.Description,
		})
	}
	return out
}

// unavailablePersistence says that it is persistence that a call needs and does not reach.
func unavailablePersistence() *apierr.Error {
	away := apierr.Unavailable(retryAfter, "persistence is unavailable; try again")
	away.Service = "persistence"
	return away
}

// noAnswerError says that a version gave no probability for a row.
func noAnswerError(version *registry.Version) *apierr.Error {
	return apierr.New(codes.Internal, futurisysv1.ErrorReason_ERROR_REASON_INVALID_MODEL_ANSWER,
		"version %d of model %s gave no probability for this row", version.Number, version.Model)
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
	return apierr.New(codes.NotFound, futurisysv1.ErrorReason_ERROR_REASON_EMPLOYEE_NOT_FOUND, "not on record: employees %s", list)
}

// invalidArgument says what is wrong with one field of a request.
func invalidArgument(field, description string) error {
	return apierr.Invalid(futurisysv1.ErrorReason_ERROR_REASON_INVALID_ARGUMENT,
		[]apierr.Violation{{Field: field, Description: description}})
}
