package server

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/futurisys/futurisys/services/persistence/internal/importing"
	"github.com/futurisys/futurisys/services/persistence/internal/profile"
	"github.com/futurisys/futurisys/services/persistence/internal/store"
	"github.com/futurisys/futurisys/services/platform/apierr"
	"github.com/futurisys/futurisys/services/platform/pagetoken"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// Employee serves EmployeeService.
type Employee struct {
	futurisysv1.UnimplementedEmployeeServiceServer

	store    store.Employees
	importer *importing.Importer
}

// NewEmployee returns the service.
func NewEmployee(employees store.Employees, importer *importing.Importer) *Employee {
	return &Employee{store: employees, importer: importer}
}

// GetEmployee reads one employee.
func (s *Employee) GetEmployee(ctx context.Context, request *futurisysv1.GetEmployeeRequest) (*futurisysv1.Employee, error) {
	employee, err := s.store.Employee(ctx, request.GetEmployee())
	if err != nil {
		return nil, employeeError(err, request.GetEmployee())
	}
	return employeeMessage(employee), nil
}

// ListEmployees lists employees.
func (s *Employee) ListEmployees(ctx context.Context, request *futurisysv1.ListEmployeesRequest) (*futurisysv1.ListEmployeesResponse, error) {
	query := store.EmployeeQuery{
		Department: request.GetDepartment(), JobTitle: request.GetJobTitle(), Search: strings.TrimSpace(request.GetSearch()),
		RiskBand: request.GetRiskBand(), Order: orderOf(request.GetOrderBy()),
		Descending: strings.HasSuffix(request.GetOrderBy(), " desc"),
	}
	asked := query
	var err error
	if query.After, err = decodeToken[store.EmployeeKey](asked, request.GetPageToken()); err != nil {
		return nil, err
	}
	query.Limit = pagetoken.Size(request.GetPageSize())
	page, err := s.store.ListEmployees(ctx, query)
	if err != nil {
		return nil, err //nolint:wrapcheck // the store says what it was doing
	}
	out := &futurisysv1.ListEmployeesResponse{TotalSize: totalSize(page, query.After == nil), TotalSizeIsEstimate: page.Estimated}
	for i := range page.Rows {
		out.Employees = append(out.Employees, employeeMessage(&page.Rows[i]))
	}
	if page.More {
		last := page.Rows[len(page.Rows)-1]
		out.NextPageToken, err = pagetoken.Encode(asked, last.Key())
	}
	return out, err //nolint:wrapcheck // it says what it was doing
}

func orderOf(orderBy string) store.EmployeeOrder {
	switch strings.TrimSuffix(orderBy, " desc") {
	case "update_time":
		return store.ByUpdate
	case "latest_probability":
		return store.ByProbability
	default:
		return store.ByID
	}
}

// CreateEmployee puts an employee on record.
func (s *Employee) CreateEmployee(ctx context.Context, request *futurisysv1.CreateEmployeeRequest) (*futurisysv1.Employee, error) {
	given := request.GetEmployee()
	created, err := s.store.CreateEmployee(ctx, store.Employee{
		ID: given.GetId(), DisplayName: given.GetDisplayName(), Profile: profile.FromMessage(given.GetProfile()),
	})
	if err != nil {
		return nil, employeeError(err, given.GetId())
	}
	return employeeMessage(created), nil
}

// UpdateEmployee changes an employee's record.
func (s *Employee) UpdateEmployee(ctx context.Context, request *futurisysv1.UpdateEmployeeRequest) (*futurisysv1.Employee, error) {
	given := request.GetEmployee()
	if given.GetId() == 0 {
		return nil, apierr.InvalidArgument(futurisysv1.ViolationReason_VIOLATION_REASON_REQUIRED, "employee.id")
	}
	change, err := changeOf(given, request.GetUpdateMask().GetPaths())
	if err != nil {
		return nil, err
	}
	changed, err := s.store.UpdateEmployee(ctx, given.GetId(), func(employee *store.Employee) error {
		if given.GetEtag() != "" && given.GetEtag() != employee.Etag() {
			return changed(fmt.Sprintf("employee %d", given.GetId()))
		}
		change(employee)
		return nil
	})
	if err != nil {
		return nil, employeeError(err, given.GetId())
	}
	return employeeMessage(changed), nil
}

// DeleteEmployee takes an employee off the record.
func (s *Employee) DeleteEmployee(ctx context.Context, request *futurisysv1.DeleteEmployeeRequest) (*emptypb.Empty, error) {
	err := s.store.DeleteEmployee(ctx, request.GetEmployee(), func(employee *store.Employee) error {
		if request.GetEtag() != "" && request.GetEtag() != employee.Etag() {
			return changed(fmt.Sprintf("employee %d", request.GetEmployee()))
		}
		return nil
	})
	if err != nil {
		return nil, employeeError(err, request.GetEmployee())
	}
	return &emptypb.Empty{}, nil
}

// EraseEmployee erases a person.
func (s *Employee) EraseEmployee(ctx context.Context, request *futurisysv1.EraseEmployeeRequest) (*futurisysv1.EraseEmployeeResponse, error) {
	erased, err := s.store.EraseEmployee(ctx, request.GetEmployee(), request.GetGeneration())
	if err != nil {
		return nil, employeeError(err, request.GetEmployee())
	}
	return &futurisysv1.EraseEmployeeResponse{RecordErased: erased.Record, PredictionCount: int32(erased.Predictions)}, nil
}

// BatchGetEmployees reads several employees.
func (s *Employee) BatchGetEmployees(ctx context.Context, request *futurisysv1.BatchGetEmployeesRequest) (*futurisysv1.BatchGetEmployeesResponse, error) {
	ids := slices.Clone(request.GetEmployeeIds())
	slices.Sort(ids)
	ids = slices.Compact(ids)
	found, err := s.store.EmployeesByID(ctx, ids)
	if err != nil {
		return nil, err //nolint:wrapcheck // the store says what it was doing
	}
	out := &futurisysv1.BatchGetEmployeesResponse{}
	next := 0
	for _, id := range ids {
		if next < len(found) && found[next].ID == id {
			out.Employees = append(out.Employees, employeeMessage(&found[next]))
			next++
			continue
		}
		out.MissingIds = append(out.MissingIds, id)
	}
	return out, nil
}

func employeeMessage(e *store.Employee) *futurisysv1.Employee {
	out := &futurisysv1.Employee{
		Id: e.ID, DisplayName: e.DisplayName, Profile: profile.Message(e.Profile),
		CreateTime: timestamppb.New(e.CreateTime), UpdateTime: timestamppb.New(e.UpdateTime), Etag: e.Etag(),
		Generation: e.Generation,
	}
	if e.Latest != nil {
		out.LatestPrediction = summaryMessage(e.Latest)
	}
	return out
}
