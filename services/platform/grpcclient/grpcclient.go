// Package grpcclient connects to a service of ours.
package grpcclient

import (
	"context"
	"fmt"
	"time"

	grpcprom "github.com/grpc-ecosystem/go-grpc-middleware/providers/prometheus"
	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"

	"github.com/futurisys/futurisys/proto/policy"
	"github.com/futurisys/futurisys/services/platform/access"
	"github.com/futurisys/futurisys/services/platform/apierr"
	"github.com/futurisys/futurisys/services/platform/certs"
	"github.com/futurisys/futurisys/services/platform/requestid"
)

// MaxMessageBytes is the largest message: 10,000 predictions with their profiles
// are about 5 MB, with all their reasons 25 MB.
const MaxMessageBytes = 64 << 20

// retryAfter is when a caller should try again: a broken connection is tried again after a
// second at most.
const retryAfter = time.Second

// Identity is who a process is to the services that it calls. The zero one is nobody.
type Identity struct {
	Credential   string       // by which it makes calls of its own; "": by none
	Certificates *certs.Files // nil: nothing is encrypted
	// Signer says for whom it calls; nil: it passes on what its caller has sent.
	Signer *access.Signer
}

// New returns a connection to a service of ours at a target (host:port, or any name that
// gRPC resolves). That it cannot be reached is an error that names the service. It connects
// when it is first used and again whenever it breaks, after a second at most, so that a
// service that comes back is found soon. own is who this process is. registry gets the metrics
// of the calls; nil: there are none.
func New(service, target string, own Identity, registry prometheus.Registerer) (*grpc.ClientConn, error) {
	policies, err := policy.Load()
	if err != nil {
		return nil, err //nolint:wrapcheck // it says what it was doing
	}
	metrics := grpcprom.NewClientMetrics(grpcprom.WithClientHandlingTimeHistogram())
	if registry != nil {
		if err := prometheus.WrapRegistererWith(prometheus.Labels{"target": service}, registry).Register(metrics); err != nil {
			return nil, fmt.Errorf("measure the calls to %s: %w", service, err)
		}
	}
	connection, err := grpc.NewClient(target,
		grpc.WithTransportCredentials(own.Certificates.Client()),
		grpc.WithDefaultServiceConfig(`{"loadBalancingConfig": [{"round_robin": {}}]}`),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff: backoff.Config{
				BaseDelay: 50 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: time.Second,
			},
			MinConnectTimeout: time.Second,
		}),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 30 * time.Second, Timeout: 5 * time.Second}),
		grpc.WithChainUnaryInterceptor(naming(service), metrics.UnaryClientInterceptor(), bounded(policies, own)),
		grpc.WithChainStreamInterceptor(metrics.StreamClientInterceptor(), named(policies, own)),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(MaxMessageBytes), grpc.MaxCallSendMsgSize(MaxMessageBytes)),
	)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", target, err)
	}
	return connection, nil
}

// naming says of an error of the connection itself which service it is about.
func naming(service string) grpc.UnaryClientInterceptor {
	return func(ctx context.Context, method string, request, reply any, connection *grpc.ClientConn, call grpc.UnaryInvoker, options ...grpc.CallOption) error {
		err := call(ctx, method, request, reply, connection, options...)
		if s := status.Convert(err); s.Code() == codes.Unavailable && len(s.Proto().GetDetails()) == 0 {
			return fmt.Errorf("%w: %w", apierr.Unavailable(service, retryAfter).Of(service), err)
		}
		return err
	}
}

// bounded gives a call whose caller sets no deadline the one of its policy, and the id of
// the request that it is made for, and the credential of whom.
func bounded(policies policy.Policies, own Identity) grpc.UnaryClientInterceptor {
	return func(ctx context.Context, method string, request, reply any, connection *grpc.ClientConn, call grpc.UnaryInvoker, options ...grpc.CallOption) error {
		if _, set := ctx.Deadline(); !set {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, policy.Deadline(policies[method]))
			defer cancel()
		}
		return call(carrying(ctx, policies, method, own), method, request, reply, connection, options...)
	}
}

// carrying is the context of a call to a method: with the id of the request that it is made for,
// and the credential of whom.
func carrying(ctx context.Context, policies policy.Policies, method string, own Identity) context.Context {
	return requestid.ToMetadata(access.Outgoing(ctx, own.Credential, own.Signer, policies[method].GetPermission()))
}

// named gives a stream the id of the request that it is made for, and the credential of whom.
func named(policies policy.Policies, own Identity) grpc.StreamClientInterceptor {
	return func(ctx context.Context, description *grpc.StreamDesc, connection *grpc.ClientConn, method string, open grpc.Streamer, options ...grpc.CallOption) (grpc.ClientStream, error) {
		return open(carrying(ctx, policies, method, own), description, connection, method, options...)
	}
}
