// Package mux is the REST side of the API: grpc-gateway's routes, the JSON, the
// errors, and the one route that is not grpc-gateway's, the import.
package mux

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	"github.com/futurisys/futurisys/gateway/internal/middleware"
	"github.com/futurisys/futurisys/services/platform/apierr"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// ImportPath is the route of the import, which takes multipart/form-data.
const ImportPath = "/v1/employees:import"

// Services are the services that are routed to.
type Services struct {
	Inference   *grpc.ClientConn
	Persistence *grpc.ClientConn // nil: this environment has no database
	Status      futurisysv1.StatusServiceServer
}

// New returns the handler of /v1/.
func New(ctx context.Context, services Services) (http.Handler, error) {
	known, err := readMethods()
	if err != nil {
		return nil, err
	}
	routes := runtime.NewServeMux(
		runtime.WithMarshalerOption(runtime.MIMEWildcard, newMarshaler()),
		runtime.WithErrorHandler(errorHandler),
		runtime.WithRoutingErrorHandler(known.routingErrorHandler),
		runtime.SetQueryParameterParser(&queryParser{}),
		runtime.WithIncomingHeaderMatcher(forwardHeader),
		runtime.WithDisablePathLengthFallback(),
		runtime.WithDisableHTTPMethodOverride(),
	)
	register := []func() error{
		func() error { return futurisysv1.RegisterPredictionServiceHandler(ctx, routes, services.Inference) },
		func() error { return futurisysv1.RegisterModelServiceHandler(ctx, routes, services.Inference) },
		func() error { return futurisysv1.RegisterStatusServiceHandlerServer(ctx, routes, services.Status) },
	}
	if services.Persistence != nil {
		register = append(register,
			func() error { return futurisysv1.RegisterEmployeeServiceHandler(ctx, routes, services.Persistence) },
			func() error {
				return futurisysv1.RegisterPredictionHistoryServiceHandler(ctx, routes, services.Persistence)
			},
		)
	}
	for _, add := range register {
		if err := add(); err != nil {
			return nil, fmt.Errorf("register the routes: %w", err)
		}
	}
	if services.Persistence == nil {
		return withoutDatabase(known.guardVerbs(routes)), nil
	}
	return withImport(known.guardVerbs(routes), importHandler{employees: futurisysv1.NewEmployeeServiceClient(services.Persistence), methods: known}), nil
}

// forwardHeader says which headers reach the services: a closed list. A cookie, or
// whatever else a browser sends, is none of their business.
func forwardHeader(name string) (string, bool) {
	return strings.ToLower(name), name == middleware.IdempotencyKeyHeader
}

// withoutDatabase says on the routes of a database that there is none.
func withoutDatabase(routes http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, resource := range []string{"/v1/employees", "/v1/predictions", "/v1/predictionConflicts"} {
			if rest, ok := strings.CutPrefix(r.URL.Path, resource); ok && (rest == "" || rest[0] == '/' || rest[0] == ':') {
				WriteError(w, apierr.New(codes.NotFound, futurisysv1.ErrorReason_ERROR_REASON_NO_DATABASE,
					"this environment keeps no employees and no predictions"))
				return
			}
		}
		routes.ServeHTTP(w, r)
	})
}

func withImport(routes, importer http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == ImportPath {
			importer.ServeHTTP(w, r)
			return
		}
		routes.ServeHTTP(w, r)
	})
}
