package ui

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"strings"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/futurisys/futurisys/gateway/internal/middleware"
	"github.com/futurisys/futurisys/proto/catalogue"
	"github.com/futurisys/futurisys/services/platform/apierr"
	"github.com/futurisys/futurisys/services/platform/requestid"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// The services that a page may need.
const (
	Inference   = "inference"
	Persistence = "persistence"
)

// Failure is what a page says of something that went wrong.
type Failure struct {
	Title string
	Text  string
	// Service is the one that is away; the page watches for its return. Empty: none is.
	Service string
	// Reload says that the page can simply be asked for again when the service is back.
	Reload   bool
	Problems []Problem
	// Reference names the request, for whoever looks into it; "": the reader can help himself.
	Reference string
}

// Problem is what is wrong with one field.
type Problem struct {
	Field string // name in the API, which is also the id of its input
	Label string
	Text  string
}

// meaning is what an error of a service means to the reader.
func (v *View) meaning(service string, err error) Failure {
	seen, _ := apierr.Hide(err)
	s := status.Convert(seen)
	out := Failure{Title: v.T("error_title"), Text: s.Message()}
	for _, detail := range s.Details() {
		switch detail := detail.(type) {
		case *errdetails.ErrorInfo:
			service = cmp.Or(detail.GetMetadata()[apierr.ServiceKey], service)
			if reason, known := catalogue.Error(detail.GetReason()); known {
				out.Text = catalogue.Sentence(v.Catalogue(), reason, detail.GetMetadata())
			}
		case *futurisysv1.Violations:
			out.Problems = v.Problems(detail.GetViolations())
		}
	}
	if s.Code() == codes.Unavailable && apierr.ReasonOf(seen) != futurisysv1.ErrorReason_ERROR_REASON_OVERLOADED {
		return Failure{Title: v.T("away_" + service + "_title"), Text: v.T("away_" + service + "_text"), Service: service}
	}
	return out
}

// FailureOf says what an error of a service means to the reader. The log has the error too,
// by the reference that the page shows.
func (v *View) FailureOf(w http.ResponseWriter, service string, err error) Failure {
	middleware.NoteError(w, err)
	found := v.meaning(service, err)
	if middleware.HTTPCode(err) >= http.StatusInternalServerError {
		found.Reference = w.Header().Get(requestid.Header)
	}
	return found
}

// lastField is the last name of a field's path.
func lastField(path string) string { return path[strings.LastIndex(path, ".")+1:] }

// Fail answers with a page that says what went wrong.
func (site *Site) Fail(v *View, w http.ResponseWriter, r *http.Request, service string, err error) {
	if errors.Is(err, context.Canceled) && r.Context().Err() != nil {
		return // the reader went away
	}
	code, found := middleware.HTTPCode(err), v.FailureOf(w, service, err)
	found.Reload = r.Method == http.MethodGet
	part := FailurePart(v, found)
	if v.Partial { // the page has its heading
		part = FailureBanner(v, found)
	}
	site.Render(v, w, r, code, found.Title, part)
}

// Refuse answers with a page that says what is wrong with the request.
func (site *Site) Refuse(v *View, w http.ResponseWriter, r *http.Request, code int, text string) {
	site.Render(v, w, r, code, v.T("error_title"), FailurePart(v, Failure{Title: v.T("error_title"), Text: text}))
}

// FailUpload answers with a page that says why a form with files could not be read, in a text
// of the page where the form itself is wrong.
func (site *Site) FailUpload(v *View, w http.ResponseWriter, r *http.Request, err error, text string) {
	over, tooLarge := errors.AsType[*http.MaxBytesError](err)
	unread := middleware.Unread(err)
	switch {
	case tooLarge:
		site.Refuse(v, w, r, http.StatusRequestEntityTooLarge, v.T("upload_too_large", "Most", v.Integer(int(over.Limit>>20)))) //nolint:mnd // MiB
	case unread != nil:
		site.Fail(v, w, r, "", unread)
	default:
		site.Refuse(v, w, r, http.StatusBadRequest, text)
	}
}
