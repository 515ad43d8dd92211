package mux

import (
	"context"
	"net/http"
	"strings"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"

	"github.com/futurisys/futurisys/gateway/internal/jsoncodec"
	"github.com/futurisys/futurisys/gateway/internal/routes"
	"github.com/futurisys/futurisys/services/platform/apierr"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// routing answers for paths and methods that are not served, where grpc-gateway does not
// know enough: an answer 405 must name the methods of the path (RFC 9110).
type routing struct {
	table   *routes.Table
	decoder *jsoncodec.Decoder
}

// guardVerbs answers a method that a custom verb (...:load) does not take.
// grpc-gateway would take the verb for a part of the last parameter where another
// method has a route without it.
func (m routing) guardVerbs(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.EscapedPath()[strings.LastIndex(r.URL.EscapedPath(), "/")+1:], ":") {
			if _, served := m.table.Find(r); !served && m.table.Allow(r.URL.EscapedPath()) != "" {
				m.refuseMethod(w, r)
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// withoutDatabase says on the routes that need a database that there is none.
func (m routing) withoutDatabase(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if m.table.NeedsDatabase(r.URL.EscapedPath()) {
			WriteError(w, apierr.New(futurisysv1.ErrorReason_ERROR_REASON_NO_DATABASE))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// routingErrorHandler answers for a path or a method that is not served.
func (m routing) routingErrorHandler(_ context.Context, _ *runtime.ServeMux, _ runtime.Marshaler, w http.ResponseWriter, r *http.Request, code int) {
	switch code {
	case http.StatusMethodNotAllowed, http.StatusNotImplemented:
		m.refuseMethod(w, r)
	case http.StatusBadRequest:
		WriteError(w, apierr.InvalidArgument(futurisysv1.ViolationReason_VIOLATION_REASON_MALFORMED, "path", "cause", "not a path of the API"))
	default:
		WriteError(w, apierr.New(futurisysv1.ErrorReason_ERROR_REASON_ROUTE_NOT_FOUND))
	}
}

// refuseMethod says which methods the path takes. To grpc-gateway an unknown custom verb is
// a part of the last parameter; such a path takes none.
func (m routing) refuseMethod(w http.ResponseWriter, r *http.Request) {
	allowed := m.table.Allow(r.URL.EscapedPath())
	if allowed == "" {
		WriteError(w, apierr.New(futurisysv1.ErrorReason_ERROR_REASON_ROUTE_NOT_FOUND))
		return
	}
	w.Header().Set("Allow", allowed)
	WriteError(w, apierr.New(futurisysv1.ErrorReason_ERROR_REASON_METHOD_NOT_ALLOWED, "method", r.Method))
}
