package dashboard

import (
	"context"
	"errors"
	"io"
	"mime/multipart"
	"net/http"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// importChunk is how much of a file one message carries.
const importChunk = 256 << 10

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

// importForm shows where to put the extracts.
func (d *Dashboard) importForm(v *view, w http.ResponseWriter, r *http.Request) {
	d.render(v, w, r, http.StatusOK, v.T("import_title"), importPagePart(v))
}

// importFiles checks or imports the files of the form, and shows how far it is.
func (d *Dashboard) importFiles(v *view, w http.ResponseWriter, r *http.Request) {
	const inMemory = 32 << 20
	if err := r.ParseMultipartForm(inMemory); err != nil {
		code, text := http.StatusBadRequest, v.T("error_form")
		if tooLarge, is := errors.AsType[*http.MaxBytesError](err); is {
			code, text = http.StatusRequestEntityTooLarge, v.T("upload_too_large", "Most", v.Integer(int(tooLarge.Limit>>20))) //nolint:mnd // MiB
		}
		d.refuse(v, w, r, code, text)
		return
	}
	defer r.MultipartForm.RemoveAll() //nolint:errcheck // what is left in the folder of temporary files goes with it
	files := map[futurisysv1.ImportFileKind]*multipart.FileHeader{}
	for _, part := range importParts() {
		if given := r.MultipartForm.File[part.Name]; len(given) == 1 && given[0].Size > 0 {
			files[part.Kind] = given[0]
		}
	}
	if len(files) == 0 {
		d.refuse(v, w, r, http.StatusBadRequest, v.T("upload_no_file"))
		return
	}
	only := r.PostFormValue("which") != "import"
	d.stream(v, w, r, v.T("import_title"), 1, func(ctx context.Context, p *progress) error {
		report, err := d.runImport(ctx, p, files, only)
		switch {
		case err == nil:
			p.end(reportPart(v, report))
		case p.gone():
			return err
		case status.Code(err) == codes.InvalidArgument && !only:
			// It is refused whole: the check says by line what is wrong.
			if report, err = d.runImport(ctx, p, files, true); err != nil {
				p.end(failurePart(v, d.failureOf(v, persistence, err)))
				return nil
			}
			p.end(reportPart(v, report))
		default:
			p.end(failurePart(v, d.failureOf(v, persistence, err)))
		}
		return nil
	})
}

// runImport sends the files and hands on how far persistence is.
func (d *Dashboard) runImport(ctx context.Context, p *progress, files map[futurisysv1.ImportFileKind]*multipart.FileHeader, only bool) (*futurisysv1.ImportReport, error) {
	stream, err := d.employees.ImportEmployees(ctx)
	if err != nil {
		return nil, err //nolint:wrapcheck // a status
	}
	sent := stream.Send(&futurisysv1.ImportEmployeesRequest{Content: &futurisysv1.ImportEmployeesRequest_Options{
		Options: &futurisysv1.ImportOptions{ValidateOnly: only},
	}})
	for _, part := range importParts() {
		if file, ok := files[part.Kind]; ok && sent == nil {
			sent = sendFile(stream.Send, part.Kind, file)
		}
	}
	// io.EOF from Send: persistence has ended the stream, and says why on Recv.
	if sent != nil && !errors.Is(sent, io.EOF) {
		return nil, sent
	}
	if err := stream.CloseSend(); err != nil {
		return nil, err //nolint:wrapcheck // a status
	}
	for {
		message, err := stream.Recv()
		if err != nil {
			return nil, err //nolint:wrapcheck // a status
		}
		if report := message.GetReport(); report != nil {
			return report, nil
		}
		p.total = int(message.GetProgress().GetTotal())
		p.step(int(message.GetProgress().GetDone()))
	}
}

func sendFile(send func(*futurisysv1.ImportEmployeesRequest) error, kind futurisysv1.ImportFileKind, header *multipart.FileHeader) error {
	file, err := header.Open()
	if err != nil {
		return err //nolint:wrapcheck // the form's own file
	}
	defer file.Close()
	buffer := make([]byte, importChunk)
	for {
		count, err := file.Read(buffer)
		if count > 0 {
			chunk := &futurisysv1.ImportChunk{Kind: kind, Data: buffer[:count]}
			if err := send(&futurisysv1.ImportEmployeesRequest{Content: &futurisysv1.ImportEmployeesRequest_Chunk{Chunk: chunk}}); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err //nolint:wrapcheck // the form's own file
		}
	}
}
