package server

import (
	"context"
	"errors"
	"fmt"
	"io"

	"buf.build/go/protovalidate"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/futurisys/futurisys/proto/catalogue"
	"github.com/futurisys/futurisys/services/persistence/internal/ingest"
	"github.com/futurisys/futurisys/services/persistence/internal/store"
	"github.com/futurisys/futurisys/services/platform/apierr"
	"github.com/futurisys/futurisys/services/platform/grpcserver"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// MaxImportBytes bounds the files of one import together.
const MaxImportBytes = 64 << 20

// shownProblems is how many problems the error of a refused import lists.
const shownProblems = 100

type importStream = grpc.BidiStreamingServer[futurisysv1.ImportEmployeesRequest, futurisysv1.ImportEmployeesResponse]

// profileRule holds a profile to the API's rules.
type profileRule struct {
	validator protovalidate.Validator
}

func newProfileRule() (profileRule, error) {
	validator, err := protovalidate.New(protovalidate.WithMessages(&futurisysv1.EmployeeProfile{}))
	if err != nil {
		return profileRule{}, fmt.Errorf("compile the rules of a profile: %w", err)
	}
	return profileRule{validator}, nil
}

func (r profileRule) check(profile store.Profile) []*futurisysv1.Violation {
	return grpcserver.Violations(r.validator.Validate(profileMessage(profile)))
}

// ImportEmployees puts employees on record from CSV files.
func (s *Employee) ImportEmployees(stream importStream) error {
	options, files, err := receiveFiles(stream)
	if err != nil {
		return err
	}
	report, err := s.Import(stream.Context(), files, options.GetValidateOnly(), func(done, total int) {
		// A caller that went away does not stop the import: all rows or none.
		_ = stream.Send(&futurisysv1.ImportEmployeesResponse{Content: &futurisysv1.ImportEmployeesResponse_Progress{
			Progress: &futurisysv1.ImportProgress{Done: int32(done), Total: int32(total)},
		}})
	})
	if err != nil {
		return err
	}
	return stream.Send(&futurisysv1.ImportEmployeesResponse{ //nolint:wrapcheck // a status
		Content: &futurisysv1.ImportEmployeesResponse_Report{Report: report},
	})
}

// Import reads files and writes their employees, all or none; progress is called
// with how many are done of how many. With validateOnly nothing is written and
// problems are in the report instead of an error.
func (s *Employee) Import(ctx context.Context, files map[ingest.Kind][]byte, validateOnly bool, progress func(done, total int)) (*futurisysv1.ImportReport, error) {
	employees, found := ingest.Parse(files, s.rule.check)
	report := &futurisysv1.ImportReport{
		EmployeeCount: int32(len(employees)), ValidateOnly: validateOnly, ProblemCount: int32(found.Count),
	}
	if found.Count > 0 {
		if !validateOnly {
			return nil, importError(found)
		}
		for _, problem := range found.Problems {
			report.Problems = append(report.Problems, &futurisysv1.ImportProblem{
				Kind: futurisysv1.ImportFileKind(problem.Kind), Line: int32(problem.Line), Violation: problem.Violation,
			})
		}
		return report, nil
	}
	counts, err := s.store.ImportEmployees(ctx, employees, !validateOnly, func(done int) { progress(done, len(employees)) })
	if errors.Is(err, store.ErrChanged) {
		return nil, changed("a record of an employee in the files")
	}
	if err != nil {
		return nil, err //nolint:wrapcheck // the store says what it was doing
	}
	report.CreatedCount, report.UpdatedCount = int32(counts.Created), int32(counts.Updated)
	report.UnchangedCount = int32(counts.Unchanged)
	return report, nil
}

// receiveFiles gathers the files of an import.
func receiveFiles(stream importStream) (*futurisysv1.ImportOptions, map[ingest.Kind][]byte, error) {
	files, total := map[ingest.Kind][]byte{}, 0
	options := &futurisysv1.ImportOptions{}
	for count := 0; ; count++ {
		message, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return options, files, nil
		}
		if err != nil {
			return nil, nil, err //nolint:wrapcheck // a status, or what is wrong with the message
		}
		if given := message.GetOptions(); given != nil {
			if count > 0 {
				return nil, nil, apierr.InvalidArgument(futurisysv1.ViolationReason_VIOLATION_REASON_NOT_FIRST_MESSAGE, "options")
			}
			options = given
			continue
		}
		chunk := message.GetChunk()
		if total += len(chunk.GetData()); total > MaxImportBytes {
			return nil, nil, apierr.New(futurisysv1.ErrorReason_ERROR_REASON_TOO_LARGE, "max", MaxImportBytes)
		}
		kind := ingest.Kind(chunk.GetKind())
		files[kind] = append(files[kind], chunk.GetData()...)
	}
}

// importError lists what is wrong with the files: the field of each violation is
// the file, its line and its column.
func importError(found *ingest.Report) error {
	violations := make([]*futurisysv1.Violation, 0, shownProblems)
	for _, problem := range found.Problems[:min(len(found.Problems), shownProblems)] {
		place := problem.Kind.String()
		if problem.Line > 0 {
			place += fmt.Sprintf(":%d", problem.Line)
		}
		if problem.Violation.GetField() != "" {
			place += ":" + problem.Violation.GetField()
		}
		placed := proto.CloneOf(problem.Violation)
		placed.Field = place
		violations = append(violations, placed)
	}
	refused := apierr.Invalid(futurisysv1.ErrorReason_ERROR_REASON_INVALID_IMPORT, violations...)
	refused.Parameters = catalogue.Parameters([]any{"count", found.Count})
	return refused
}
