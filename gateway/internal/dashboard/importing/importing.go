package importing

import (
	"context"
	"mime/multipart"
	"net/http"
	"strconv"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/futurisys/futurisys/gateway/internal/dashboard/ui"
	"github.com/futurisys/futurisys/gateway/internal/importstream"
	"github.com/futurisys/futurisys/services/platform/apierr"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// importParts are the files of the form, in the order in which they are sent.
func importParts() []importPart {
	return []importPart{
		{"extrait_sirh", futurisysv1.ImportFileKind_IMPORT_FILE_KIND_SIRH},
		{"extrait_eval", futurisysv1.ImportFileKind_IMPORT_FILE_KIND_EVAL},
		{"extrait_sondage", futurisysv1.ImportFileKind_IMPORT_FILE_KIND_SONDAGE},
		{"joined", futurisysv1.ImportFileKind_IMPORT_FILE_KIND_JOINED},
	}
}

type importPart struct {
	Name string
	Kind futurisysv1.ImportFileKind
}

// form shows where to put the extracts.
func (h *handlers) form(v *ui.View, w http.ResponseWriter, r *http.Request) {
	h.Render(v, w, r, http.StatusOK, v.T("import_title"), importPagePart(v))
}

// importFiles checks or imports the files of the form, and shows how far it is.
func (h *handlers) importFiles(v *ui.View, w http.ResponseWriter, r *http.Request) {
	const inMemory = 128 << 20                             // more than the gateway takes: nothing about people goes to a temporary file
	if err := r.ParseMultipartForm(inMemory); err != nil { //nolint:gosec // the route bounds the body
		h.FailUpload(v, w, r, err, v.T("error_form"))
		return
	}
	defer r.MultipartForm.RemoveAll() //nolint:errcheck // what is left in the folder of temporary files goes with it
	files := map[futurisysv1.ImportFileKind]*multipart.FileHeader{}
	for _, part := range importParts() {
		given := r.MultipartForm.File[part.Name]
		if len(given) > 1 {
			h.Fail(v, w, r, ui.Persistence, apierr.InvalidArgument(futurisysv1.ViolationReason_VIOLATION_REASON_REPEATED, part.Name))
			return
		}
		if len(given) == 1 && given[0].Size > 0 {
			files[part.Kind] = given[0]
		}
	}
	if len(files) == 0 {
		h.Refuse(v, w, r, http.StatusBadRequest, v.T("upload_no_file"))
		return
	}
	only := r.PostFormValue("which") != "import"
	h.Stream(v, w, r, v.T("import_title"), 0, func(ctx context.Context, p *ui.Progress) error {
		report, err := h.run(ctx, p, files, only)
		switch {
		case err == nil:
			importstream.Warn(ctx, h.Models.Client, report)
			p.End(reportPart(v, report))
		case p.Gone():
			return err
		case status.Code(err) == codes.InvalidArgument && !only:
			// It is refused whole: the check says by line what is wrong.
			if report, err = h.run(ctx, p, files, true); err != nil {
				p.End(ui.FailurePart(v, p.Failure(ui.Persistence, err)))
				return nil
			}
			p.End(reportPart(v, report))
		default:
			p.End(ui.FailurePart(v, p.Failure(ui.Persistence, err)))
		}
		return nil
	})
}

// run sends the files and hands on how far persistence is.
func (h *handlers) run(ctx context.Context, p *ui.Progress, files map[futurisysv1.ImportFileKind]*multipart.FileHeader, only bool) (*futurisysv1.ImportReport, error) {
	send := func(send importstream.Send) error {
		for _, part := range importParts() {
			header, ok := files[part.Kind]
			if !ok {
				continue
			}
			file, err := header.Open()
			if err != nil {
				return importstream.ReadError{Err: err}
			}
			defer file.Close()
			if err := send(part.Kind, file); err != nil {
				return err
			}
		}
		return nil
	}
	return importstream.Run(ctx, h.Employees, only, send, func(done, total int) { //nolint:wrapcheck // a status
		p.Of(done, total)
	})
}

// linesOf are the lines of a problem: the first few, and how many there are.
func linesOf(v *ui.View, problem *futurisysv1.ImportProblem) string {
	if problem.GetLine() == 0 {
		return ""
	}
	const named = 3
	lines := make([]string, 0, named)
	for _, line := range problem.GetLines()[:min(len(problem.GetLines()), named)] {
		lines = append(lines, strconv.Itoa(int(line)))
	}
	if int(problem.GetLineCount()) <= len(lines) {
		return strings.Join(lines, ", ")
	}
	return v.T("import_lines", "Lines", strings.Join(lines, ", ")+"…", "Count", v.Integer(int(problem.GetLineCount())))
}

// warningOf is a value that the model does not know, by the name of its field.
func warningOf(v *ui.View, warning *futurisysv1.Violation) string {
	return v.FieldName(warning.GetField(), nil) + " " + warning.GetParameters()["value"] + " : " + v.Violation(warning)
}

// ignoredColumns are the columns that an import does not use.
func ignoredColumns(v *ui.View, report *futurisysv1.ImportReport) string {
	names := make([]string, 0, len(report.GetIgnoredColumns()))
	for _, column := range report.GetIgnoredColumns() {
		names = append(names, column.GetName()+" ("+v.T("kind_"+column.GetKind().String())+")")
	}
	return strings.Join(names, ", ")
}
