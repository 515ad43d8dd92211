package mux

import (
	"bufio"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strconv"

	"github.com/futurisys/futurisys/gateway/internal/importstream"
	"github.com/futurisys/futurisys/gateway/internal/middleware"
	"github.com/futurisys/futurisys/services/platform/apierr"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// importHandler passes the files of a form on to persistence, piece by piece.
type importHandler struct {
	employees futurisysv1.EmployeeServiceClient
	models    futurisysv1.ModelServiceClient
	routing   routing
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
		h.routing.refuseMethod(w, r)
		return
	}
	report, err := h.run(r)
	if err != nil {
		WriteError(w, err)
		return
	}
	body, err := newMarshaler(h.routing.decoder).Marshal(report)
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
		return nil, apierr.New(futurisysv1.ErrorReason_ERROR_REASON_UNSUPPORTED_MEDIA_TYPE, "expected", "multipart/form-data")
	}
	form := multipart.NewReader(r.Body, parameters["boundary"])
	report, err := importstream.Run(r.Context(), h.employees, validateOnly, func(send importstream.Send) error { return sendParts(form, send) }, nil)
	if unread, ok := errors.AsType[importstream.ReadError](err); ok {
		return nil, formError(unread.Err)
	}
	if err != nil {
		return nil, err //nolint:wrapcheck // a status
	}
	importstream.Warn(r.Context(), h.models, report)
	return report, nil
}

// validateOnly reads the only parameter of the route.
func validateOnly(r *http.Request) (bool, error) {
	only := false
	for name, values := range r.URL.Query() {
		if name != "validateOnly" && name != "validate_only" {
			return false, apierr.InvalidArgument(futurisysv1.ViolationReason_VIOLATION_REASON_UNKNOWN_PARAMETER, name)
		}
		switch {
		case len(values) == 1 && values[0] == "true":
			only = true
		case len(values) == 1 && values[0] == "false":
		default:
			return false, apierr.InvalidArgument(futurisysv1.ViolationReason_VIOLATION_REASON_WRONG_TYPE, name, "expected", "true or false")
		}
	}
	return only, nil
}

// sendParts sends the files of the form in pieces.
func sendParts(form *multipart.Reader, send importstream.Send) error {
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
			return apierr.InvalidArgument(futurisysv1.ViolationReason_VIOLATION_REASON_UNKNOWN_PART, "form", "name", strconv.Quote(name), "expected", "joined, or extrait_sirh, extrait_eval and extrait_sondage")
		}
		if seen[name] {
			return apierr.InvalidArgument(futurisysv1.ViolationReason_VIOLATION_REASON_REPEATED, name)
		}
		seen[name] = true
		file := bufio.NewReader(part)
		if _, err := file.Peek(1); errors.Is(err, io.EOF) && part.FileName() == "" {
			continue // what forms and Swagger UI send where no file was chosen
		}
		if err := send(kind, file); err != nil {
			return err
		}
	}
}

func formError(err error) error {
	if unread := middleware.Unread(err); unread != nil {
		return unread
	}
	return apierr.InvalidArgument(futurisysv1.ViolationReason_VIOLATION_REASON_MALFORMED, "form", "cause", err)
}
