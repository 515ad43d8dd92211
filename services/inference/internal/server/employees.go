package server

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/futurisys/futurisys/services/inference/internal/scoring"
	"github.com/futurisys/futurisys/services/platform/apierr"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// employeeRows reads the employees' records, in the order of the ids.
func (s *Prediction) employeeRows(ctx context.Context, ids []int32) ([]scoring.Row, error) {
	found, err := s.readEmployees(ctx, ids)
	if err != nil {
		return nil, err
	}
	rows := make([]scoring.Row, len(ids))
	var missing []int32
	for i, id := range ids {
		employee, ok := found[id]
		if !ok {
			missing = append(missing, id)
		}
		rows[i] = scoring.Row{Profile: employee.GetProfile(), Employee: employee, FromRecord: true}
	}
	if len(missing) > 0 {
		return nil, missingEmployees(missing)
	}
	return rows, nil
}

// readTimeout bounds how long persistence may take to read the employees of a call.
const readTimeout = 5 * time.Second

// readEmployees reads those of the employees that are on record.
func (s *Prediction) readEmployees(ctx context.Context, ids []int32) (map[int32]*futurisysv1.Employee, error) {
	if s.employees == nil {
		return nil, apierr.New(futurisysv1.ErrorReason_ERROR_REASON_NO_DATABASE)
	}
	// A persistence that hangs is as good as one that is unavailable: the caller can try again.
	inTime, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	answer, err := s.employees.BatchGetEmployees(inTime, &futurisysv1.BatchGetEmployeesRequest{EmployeeIds: ids})
	if code := status.Code(err); code == codes.Unavailable || code == codes.DeadlineExceeded && ctx.Err() == nil {
		return nil, fmt.Errorf("%w: %w", unavailablePersistence(), err)
	}
	if err != nil {
		return nil, err //nolint:wrapcheck // a status of our own service
	}
	found := make(map[int32]*futurisysv1.Employee, len(ids))
	for _, employee := range answer.GetEmployees() {
		found[employee.GetId()] = employee
	}
	return found, nil
}

// refer says of each row what the caller knows of it. missing are the places of rows
// about employees who are not on record.
func (s *Prediction) refer(ctx context.Context, rows []scoring.Row, references []*futurisysv1.RowReference) (missing map[int]int32, err error) {
	if len(references) == 0 {
		return nil, nil
	}
	if len(references) != len(rows) {
		return nil, apierr.InvalidArgument(futurisysv1.ViolationReason_VIOLATION_REASON_COUNT_MISMATCH, "references", "expected", len(rows), "other", "profiles", "found", len(references))
	}
	var ids []int32
	for i, reference := range references {
		rows[i].Number, rows[i].ID = reference.GetRowNumber(), reference.GetRowId()
		if reference.EmployeeId != nil {
			ids = append(ids, reference.GetEmployeeId())
		}
	}
	if len(ids) == 0 {
		return nil, nil
	}
	found, err := s.readEmployees(ctx, ids)
	if err != nil {
		return nil, err
	}
	missing = map[int]int32{}
	for i, reference := range references {
		if reference.EmployeeId == nil {
			continue
		}
		if rows[i].Employee = found[reference.GetEmployeeId()]; rows[i].Employee == nil {
			missing[i] = reference.GetEmployeeId()
		}
	}
	return missing, nil
}
