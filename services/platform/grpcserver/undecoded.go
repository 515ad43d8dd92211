package grpcserver

import (
	"context"

	"google.golang.org/grpc"
)

// undecodedKey is the context's key of why a request was not received.
type undecodedKey struct{}

// RegisterService registers a service whose interceptors see also requests that did not
// decode: grpc-go answers those by itself, as if they were a fault of ours, and without a
// trace in logs and metrics.
func (s *Server) RegisterService(service *grpc.ServiceDesc, implementation any) {
	wrapped := *service
	wrapped.Methods = make([]grpc.MethodDesc, len(service.Methods))
	for i, method := range service.Methods {
		wrapped.Methods[i] = grpc.MethodDesc{MethodName: method.MethodName, Handler: s.intercepted(method.Handler)}
	}
	s.Server.RegisterService(&wrapped, implementation)
}

func (s *Server) intercepted(handler grpc.MethodHandler) grpc.MethodHandler {
	return func(service any, ctx context.Context, _ func(any) error, interceptor grpc.UnaryServerInterceptor) (any, error) {
		var wrong error
		defer end(ctx)
		return handler(service, ctx, func(into any) error {
			wrong = s.reception.only(ctx, into)
			return nil
		}, func(ctx context.Context, request any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
			if wrong != nil {
				ctx = context.WithValue(ctx, undecodedKey{}, wrong)
			}
			return interceptor(ctx, request, info, next)
		})
	}
}

// refuseUndecoded is the interceptor that refuses a request that was not received.
func refuseUndecoded(ctx context.Context, request any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	if wrong, is := ctx.Value(undecodedKey{}).(error); is {
		return nil, wrong
	}
	return next(ctx, request)
}
