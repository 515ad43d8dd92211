package server

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/futurisys/futurisys/proto/catalogue"
	"github.com/futurisys/futurisys/services/persistence/internal/importing"
	"github.com/futurisys/futurisys/services/persistence/internal/ingest"
	"github.com/futurisys/futurisys/services/persistence/internal/store"
	"github.com/futurisys/futurisys/services/platform/apierr"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// MaxImportBytes bounds the files of one import together.
const MaxImportBytes = 64 << 20

type importStream = grpc.BidiStreamingServer[futurisysv1.ImportEmployeesRequest, futurisysv1.ImportEmployeesResponse]

// ImportEmployees puts employees on record from CSV files.
func (s *Employee) ImportEmployees(stream importStream) error {
	options, files, err := receiveFiles(stream)
	if err != nil {
		return err
	}
	report, err := s.importer.Import(stream.Context(), files, options.GetValidateOnly(), func(done, total int) {
		// A caller that went away does not stop the import: all rows or none.
		_ = stream.Send(&futurisysv1.ImportEmployeesResponse{Content: &futurisysv1.ImportEmployeesResponse_Progress{
			Progress: &futurisysv1.ImportProgress{Done: int32(done), Total: int32(total)},
		}})
	})
	if err != nil {
		return importError(err)
	}
	return stream.Send(&futurisysv1.ImportEmployeesResponse{ //nolint:wrapcheck // a status
		Content: &futurisysv1.ImportEmployeesResponse_Report{Report: importReport(report)},
	})
}

// importReport is a report as the API has it.
func importReport(r *importing.Report) *futurisysv1.ImportReport {
	out := &futurisysv1.ImportReport{
		EmployeeCount: int32(r.Employees), ValidateOnly: r.ValidateOnly, ProblemCount: int32(r.Problems.Total()), ProblemCountIsMinimum: r.Problems.Full(),
		CreatedCount: int32(r.Changes.Created), UpdatedCount: int32(r.Changes.Updated), UnchangedCount: int32(r.Changes.Unchanged),
	}
	for _, problem := range r.Problems.Problems {
		lines := make([]int32, len(problem.Lines))
		for i, line := range problem.Lines {
			lines[i] = int32(line)
		}
		out.Problems = append(out.Problems, &futurisysv1.ImportProblem{
			Kind: futurisysv1.ImportFileKind(problem.Kind), Line: int32(problem.Line), Violation: problem.Violation,
			Lines: lines, LineCount: int32(problem.Count),
		})
	}
	for _, c := range r.Categories {
		out.Categories = append(out.Categories, &futurisysv1.CategoryCount{Field: c.Field, Value: c.Value, Count: int32(c.Count)})
	}
	for _, field := range slices.Sorted(maps.Keys(r.Problems.Empty)) {
		out.Warnings = append(out.Warnings, catalogue.Violation(
			futurisysv1.ViolationReason_VIOLATION_REASON_EMPTY_VALUES, field, "count", r.Problems.Empty[field]))
	}
	for _, column := range r.Problems.Ignored {
		out.IgnoredColumns = append(out.IgnoredColumns, &futurisysv1.IgnoredColumn{Kind: futurisysv1.ImportFileKind(column.Kind), Name: column.Name})
	}
	return out
}

// receiveFiles gathers the files of an import.
func receiveFiles(stream importStream) (*futurisysv1.ImportOptions, importing.Files, error) {
	files, total := importing.Files{}, 0
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
		files[kind] = append(files[kind], chunk.GetData())
	}
}

// importError says what a caller can do about files that were not imported.
func importError(err error) error {
	if refused, ok := errors.AsType[*importing.RefusedError](err); ok {
		return refusedFiles(refused.Problems)
	}
	if errors.Is(err, store.ErrChanged) {
		return changed("a record of an employee in the files")
	}
	return err
}

// refusedFiles lists what is wrong with the files: the field of each violation is
// the file, its line and its column.
func refusedFiles(found *ingest.Report) error {
	violations := make([]*futurisysv1.Violation, 0, len(found.Problems))
	for _, problem := range found.Problems {
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
	refused.Parameters = catalogue.Parameters([]any{"count", found.Count()})
	return refused
}
