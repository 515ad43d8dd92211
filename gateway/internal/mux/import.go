package mux

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"

	"google.golang.org/grpc/codes"

	"github.com/futurisys/futurisys/services/platform/apierr"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// importChunk is how much of a file one message carries.
const importChunk = 256 << 10

// importHandler passes the files of a form on to persistence, piece by piece.
type importHandler struct {
	employees futurisysv1.EmployeeServiceClient
	methods   methods
}

// partKinds are the form's parts.
func partKinds() map[string]futurisysv1.ImportFileKind {
	return map[string]futurisysv1.ImportFileKind{
		"joined":          futurisysv1.ImportFileKind_IMPORT_FILE_KIND_JOINED,
		"extrait_sirh":    futurisysv1.ImportFileKind_IMPORT_FILE_KIND_SIRH,
		"extrait_eval":    futurisysv1.ImportFileKind_IMPORT_FILE_KIND_EVAL,
		"extrait_sondage": futurisysv1.ImportFileKind_IMPORT_FILE_KIND_SONDAGE,
	}
}

// ServeHTTP answers POST ImportPath.
func (h importHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		h.methods.refuseMethod(w, r)
		return
	}
	report, err := h.run(r)
	if err != nil {
		WriteError(w, err)
		return
	}
	body, err := newMarshaler().Marshal(report)
	if err != nil {
		WriteError(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(body) // a reader that went away needs no answer
}

func (h importHandler) run(r *http.Request) (*futurisysv1.ImportReport, error) {
	validateOnly, err := validateOnly(r)
	if err != nil {
		return nil, err
	}
	kind, parameters, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/form-data" || parameters["boundary"] == "" {
		return nil, apierr.New(codes.InvalidArgument, futurisysv1.ErrorReason_ERROR_REASON_UNSUPPORTED_MEDIA_TYPE, "the body must be multipart/form-data")
	}
	stream, err := h.employees.ImportEmployees(r.Context())
	if err != nil {
		return nil, err //nolint:wrapcheck // a status
	}
	options := &futurisysv1.ImportEmployeesRequest{Content: &futurisysv1.ImportEmployeesRequest_Options{
		Options: &futurisysv1.ImportOptions{ValidateOnly: validateOnly},
	}}
	sent := stream.Send(options)
	if sent == nil {
		sent = sendParts(multipart.NewReader(r.Body, parameters["boundary"]), stream.Send)
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
	}
}

// validateOnly reads the only parameter of the route.
func validateOnly(r *http.Request) (bool, error) {
	only := false
	for name, values := range r.URL.Query() {
		if name != "validateOnly" && name != "validate_only" {
			return false, badField(name, "unknown parameter")
		}
		switch {
		case len(values) == 1 && values[0] == "true":
			only = true
		case len(values) == 1 && values[0] == "false":
		default:
			return false, badField(name, "must be true or false")
		}
	}
	return only, nil
}

// sendParts sends the files of the form in pieces.
func sendParts(form *multipart.Reader, send func(*futurisysv1.ImportEmployeesRequest) error) error {
	kinds, seen := partKinds(), map[string]bool{}
	for {
		part, err := form.NextPart()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return formError(err)
		}
		name := part.FormName()
		kind, known := kinds[name]
		if !known {
			return badField("form", fmt.Sprintf("unknown part %q: it takes joined, or extrait_sirh, extrait_eval and extrait_sondage", name))
		}
		if seen[name] {
			return badField("form", fmt.Sprintf("part %q stands twice", name))
		}
		seen[name] = true
		if err := sendPart(part, kind, send); err != nil {
			return err
		}
	}
}

func sendPart(part io.Reader, kind futurisysv1.ImportFileKind, send func(*futurisysv1.ImportEmployeesRequest) error) error {
	buffer := make([]byte, importChunk)
	for first := true; ; first = false {
		count, err := io.ReadFull(part, buffer)
		if count > 0 || first { // an empty file is sent too, to be refused as one
			chunk := &futurisysv1.ImportChunk{Kind: kind, Data: buffer[:count]}
			message := &futurisysv1.ImportEmployeesRequest{Content: &futurisysv1.ImportEmployeesRequest_Chunk{Chunk: chunk}}
			if err := send(message); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil
		}
		if err != nil {
			return formError(err)
		}
	}
}

func formError(err error) error {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return TooLarge()
	}
	return badField("form", fmt.Sprintf("cannot be read: %s", err))
}

func badField(field, description string) error {
	return apierr.Invalid(futurisysv1.ErrorReason_ERROR_REASON_INVALID_ARGUMENT,
		[]apierr.Violation{{Field: field, Description: description}})
}
