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

	"github.com/futurisys/futurisys/gateway/internal/jsoncodec"
	"github.com/futurisys/futurisys/gateway/internal/middleware"
	"github.com/futurisys/futurisys/gateway/internal/routes"

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

// New returns the handler of /v1/, whose routes are those of the table.
func New(ctx context.Context, services Services, table *routes.Table) (http.Handler, error) {
	known := routing{table, &jsoncodec.Decoder{}}
	if err := table.Add("POST "+ImportPath, futurisysv1.EmployeeService_ImportEmployees_FullMethodName, routes.Route{Form: true}); err != nil {
		return nil, err //nolint:wrapcheck // it says what it was doing
	}
	marshaler := newMarshaler(known.decoder)
	served := runtime.NewServeMux(
		runtime.WithMarshalerOption(runtime.MIMEWildcard, marshaler),
		runtime.WithErrorHandler(errorHandler),
		runtime.WithForwardResponseOption(writeETag),
		runtime.WithForwardResponseOption(marshaler.writeLarge),
		runtime.WithRoutingErrorHandler(known.routingErrorHandler),
		runtime.WithIncomingHeaderMatcher(forwardHeader),
		runtime.WithOutgoingHeaderMatcher(func(string) (string, bool) { return "", false }), // gRPC's own are nobody's business
		runtime.WithDisablePathLengthFallback(),
		runtime.WithUnescapingMode(runtime.UnescapingModeAllExceptSlash), // a slash within a name parts nothing
		runtime.WithDisableHTTPMethodOverride(),
	)
	register := []func() error{
		func() error {
			return futurisysv1.RegisterPredictionServiceHandlerClient(ctx, served, futurisysv1.NewPredictionServiceClient(lateResults{services.Inference}))
		},
		func() error { return futurisysv1.RegisterModelServiceHandler(ctx, served, services.Inference) },
		func() error { return futurisysv1.RegisterStatusServiceHandlerServer(ctx, served, services.Status) },
	}
	if services.Persistence != nil {
		register = append(register,
			func() error { return futurisysv1.RegisterEmployeeServiceHandler(ctx, served, services.Persistence) },
			func() error { return futurisysv1.RegisterAccessServiceHandler(ctx, served, services.Persistence) },
			func() error { return futurisysv1.RegisterAuditServiceHandler(ctx, served, services.Persistence) },
			func() error {
				return futurisysv1.RegisterPredictionHistoryServiceHandler(ctx, served, services.Persistence)
			},
		)
	}
	for _, add := range register {
		if err := add(); err != nil {
			return nil, fmt.Errorf("register the routes: %w", err)
		}
	}
	handler := known.guardVerbs(known.ifMatch(known.checkRequest(writeOnce(served))))
	if services.Persistence == nil {
		return known.withoutDatabase(handler), nil
	}
	return withImport(handler, importHandler{
		employees: futurisysv1.NewEmployeeServiceClient(services.Persistence), models: futurisysv1.NewModelServiceClient(services.Inference), routing: known,
	}), nil
}

// forwardHeader says which headers reach the services: a closed list. A cookie, or
// whatever else a browser sends, is none of their business.
func forwardHeader(name string) (string, bool) {
	return strings.ToLower(name), name == middleware.IdempotencyKeyHeader
}

func withImport(others, importer http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == ImportPath {
			importer.ServeHTTP(w, r)
			return
		}
		others.ServeHTTP(w, r)
	})
}
