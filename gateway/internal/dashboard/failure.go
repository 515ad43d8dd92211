package dashboard

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/futurisys/futurisys/gateway/internal/middleware"
	"github.com/futurisys/futurisys/proto/catalogue"
	"github.com/futurisys/futurisys/services/platform/apierr"
	"github.com/futurisys/futurisys/services/platform/requestid"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// The services that a page may need.
const (
	inference   = "inference"
	persistence = "persistence"
)

// failure is what a page says of something that went wrong.
type failure struct {
	Title string
	Text  string
	// Service is the one that is away; the page watches for its return. Empty: none is.
	Service string
	// Reload says that the page can simply be asked for again when the service is back.
	Reload   bool
	Problems []fieldProblem
	// Reference names the request, for whoever looks into it; "": the reader can help himself.
	Reference string
}

// fieldProblem is what is wrong with one field.
type fieldProblem struct {
	Field string // name in the API, which is also the id of its input
	Label string
	Text  string
}

// failureOf says what an error of a service means to the reader.
func (d *Dashboard) failureOf(v *view, service string, err error) failure {
	seen, _ := apierr.Hide(err)
	s := status.Convert(seen)
	out := failure{Title: v.T("error_title"), Text: s.Message()}
	for _, detail := range s.Details() {
		switch detail := detail.(type) {
		case *errdetails.ErrorInfo:
			service = cmp.Or(detail.GetMetadata()[apierr.ServiceKey], service)
			if reason, known := catalogue.Error(detail.GetReason()); known {
				out.Text = catalogue.Sentence(v.language(), reason, detail.GetMetadata())
			}
		case *futurisysv1.Violations:
			out.Problems = v.fieldProblems(detail.GetViolations())
		}
	}
	if s.Code() == codes.Unavailable {
		return failure{Title: v.T("away_" + service + "_title"), Text: v.T("away_" + service + "_text"), Service: service}
	}
	return out
}

// lastField is the last name of a field's path.
func lastField(path string) string { return path[strings.LastIndex(path, ".")+1:] }

// fail answers with a page that says what went wrong.
func (d *Dashboard) fail(v *view, w http.ResponseWriter, r *http.Request, service string, err error) {
	if errors.Is(err, context.Canceled) && r.Context().Err() != nil {
		return // the reader went away
	}
	code := runtime.HTTPStatusFromCode(status.Code(err))
	middleware.NoteError(w, err)
	found := d.failureOf(v, service, err)
	if code >= http.StatusInternalServerError {
		found.Reference = w.Header().Get(requestid.Header)
	}
	found.Reload = r.Method == http.MethodGet
	part := failurePart(v, found)
	if v.Partial { // the page has its heading
		part = failureBanner(v, found)
	}
	d.render(v, w, r, code, found.Title, part)
}

// refuse answers with a page that says what is wrong with the request.
func (d *Dashboard) refuse(v *view, w http.ResponseWriter, r *http.Request, code int, text string) {
	d.render(v, w, r, code, v.T("error_title"), failurePart(v, failure{Title: v.T("error_title"), Text: text}))
}

// aliveTimeout bounds how long a service is waited for.
const aliveTimeout = time.Second

// alive answers a page that watches for a service's return: again the failure while it
// is away; then the page is loaded again, or says that it can be tried again.
func (d *Dashboard) alive(v *view, w http.ResponseWriter, r *http.Request) {
	service, reload := r.URL.Query().Get("service"), r.URL.Query().Get("reload") == "true"
	client, known := d.health[service]
	if !known {
		d.notFound(v, w, r)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), aliveTimeout)
	defer cancel()
	answer, err := client.Check(ctx, &grpc_health_v1.HealthCheckRequest{})
	if err != nil || answer.GetStatus() != grpc_health_v1.HealthCheckResponse_SERVING {
		w.WriteHeader(http.StatusNoContent) // htmx leaves the page as it is
		return
	}
	if reload {
		w.Header().Set("Hx-Refresh", "true")
	}
	v.Partial = true
	d.render(v, w, r, http.StatusOK, "", backPart(v))
}
