package server

import (
	"context"
	"errors"

	"github.com/futurisys/futurisys/services/inference/internal/scoring"
	"github.com/futurisys/futurisys/services/platform/apierr"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// Explain says why a row has its score and what changes would do; nothing is recorded.
func (s *Prediction) Explain(ctx context.Context, request *futurisysv1.ExplainRequest) (*futurisysv1.ExplainResponse, error) {
	version, err := s.acquire(request)
	if err != nil {
		return nil, err
	}
	defer version.Release()
	question := scoring.Question{
		Profile: request.GetProfile(), Changes: request.GetChanges(), Top: request.GetTop(), Counterfactual: request.GetCounterfactual(),
	}
	switch {
	case request.EmployeeId != nil && request.GetProfile() != nil:
		return nil, apierr.InvalidArgument(futurisysv1.ViolationReason_VIOLATION_REASON_EXCLUDED, "employee_id", "other", "profile")
	case request.EmployeeId != nil:
		rows, err := s.employeeRows(ctx, []int32{request.GetEmployeeId()})
		if err != nil {
			return nil, err
		}
		question.Profile = rows[0].Profile
	case request.GetProfile() == nil:
		return nil, apierr.InvalidArgument(futurisysv1.ViolationReason_VIOLATION_REASON_REQUIRED_OR, "profile", "other", "employee_id")
	}
	answer, err := s.scorer.WhatIf(ctx, version, question)
	if errors.Is(err, scoring.ErrNoAnswer) {
		return nil, noAnswerError(version)
	}
	if err != nil {
		return nil, err //nolint:wrapcheck // see MapError
	}
	return answer, nil
}
