// Package grpcserver makes gRPC servers that check requests, hide faults, count
// calls and say whether they are ready.
package grpcserver

import (
	"fmt"
	"log/slog"
	"time"

	"buf.build/go/protovalidate"
	grpcprom "github.com/grpc-ecosystem/go-grpc-middleware/providers/prometheus"
	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/reflection"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/futurisys/futurisys/proto/policy"
	"github.com/futurisys/futurisys/services/platform/access"
	"github.com/futurisys/futurisys/services/platform/certs"
)

// Options say what a server needs besides its services.
type Options struct {
	Logger     *slog.Logger
	Registry   prometheus.Registerer
	Reflection bool
	// MaxMessageBytes is the largest message that is sent. What is taken the methods' policies
	// say.
	MaxMessageBytes int
	// Gate refuses callers who are not known or not allowed; nil: everybody may do all.
	Gate *access.Gate
	// Certificates encrypt what callers say, who show one too; nil: nothing is encrypted.
	Certificates *certs.Files
	// Limits are how much is in flight at once; zero: DefaultLimits.
	Limits Limits
	// MapError turns an error of the domain into one for a caller; nil: there is nothing
	// to map.
	MapError func(error) error
	// Unary and Stream are interceptors of the service's own, the last before it; nil: none.
	Unary  grpc.UnaryServerInterceptor
	Stream grpc.StreamServerInterceptor
}

// Server is a gRPC server with the standard health service.
type Server struct {
	*grpc.Server

	Health *health.Server

	reflection bool
	checks     *checks
	reception  *reception
	admission  *admission
	metrics    *grpcprom.ServerMetrics
	log        *slog.Logger
}

const (
	// maxConcurrentStreams is how many calls one connection has under way; more wait at
	// the caller's side.
	maxConcurrentStreams = 256
	// maxConnectionAge is when a connection takes no new calls any more: its caller connects
	// again, and finds the copies that have come in the meantime. Calls under way end.
	maxConnectionAge = 5 * time.Minute
	// maxConnectionAgeGrace is how long they may take: more than any method has.
	maxConnectionAgeGrace = 10 * time.Minute
	// maxConnectionIdle is how long a connection without calls stays.
	maxConnectionIdle = 5 * time.Minute
	// handshakeTimeout is how long a connection may take to become one.
	handshakeTimeout = 10 * time.Second
	// maxHeaderBytes is how large the metadata of a call may be.
	maxHeaderBytes = 16 << 10
	// keepaliveTime and keepaliveTimeout find peers that are gone without a word.
	keepaliveTime    = time.Minute
	keepaliveTimeout = 10 * time.Second
)

// DefaultLimits are those of a server that an operator gives no others.
func DefaultLimits() Limits {
	return Limits{Calls: 1024, Rows: 20_000}
}

// New returns a server. Register the services, then call Prepare.
func New(options Options) *Server {
	metrics := grpcprom.NewServerMetrics(grpcprom.WithServerHandlingTimeHistogram())
	options.Registry.MustRegister(metrics)
	checks := &checks{ending: make(chan struct{})}
	if options.Limits == (Limits{}) {
		options.Limits = DefaultLimits()
	}
	reception := newReception(options.Registry, options.Gate)
	admission := newAdmission(options.Limits, options.Registry, reception.streams)
	guard := &guard{log: options.Logger, mapError: options.MapError}
	unary := []grpc.UnaryServerInterceptor{metrics.UnaryServerInterceptor(), guard.unary, options.Gate.Unary, refuseUndecoded, admission.unary, checks.unary}
	if options.Unary != nil {
		unary = append(unary, options.Unary)
	}
	stream := []grpc.StreamServerInterceptor{reception.stream, metrics.StreamServerInterceptor(), guard.stream, options.Gate.Stream, admission.stream, checks.stream}
	if options.Stream != nil {
		stream = append(stream, options.Stream)
	}
	server := grpc.NewServer(
		grpc.Creds(options.Certificates.Server()),
		grpc.ChainUnaryInterceptor(unary...),
		grpc.ChainStreamInterceptor(stream...),
		grpc.InTapHandle(reception.begin),
		grpc.MaxSendMsgSize(options.MaxMessageBytes),
		grpc.MaxConcurrentStreams(maxConcurrentStreams),
		grpc.ConnectionTimeout(handshakeTimeout),
		grpc.MaxHeaderListSize(maxHeaderBytes),
		grpc.KeepaliveParams(keepalive.ServerParameters{
			MaxConnectionIdle: maxConnectionIdle, MaxConnectionAge: maxConnectionAge, MaxConnectionAgeGrace: maxConnectionAgeGrace,
			Time: keepaliveTime, Timeout: keepaliveTimeout,
		}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{
			MinTime: 10 * time.Second, PermitWithoutStream: true,
		}),
	)
	answers := health.NewServer()
	answers.SetServingStatus("", grpc_health_v1.HealthCheckResponse_NOT_SERVING) // until SetReady says otherwise
	return &Server{Server: server, Health: answers, reflection: options.Reflection, checks: checks, reception: reception, admission: admission, metrics: metrics, log: options.Logger}
}

// Prepare finishes a server whose services are registered: the rules of all
// their requests are compiled now, not at the first call, and every method has a policy.
func (s *Server) Prepare() error {
	policies, err := policy.Load()
	if err != nil {
		return err //nolint:wrapcheck // it says all there is to say
	}
	s.admission.policies, s.checks.policies = policies, policies
	var requests []protoreflect.MessageDescriptor
	for name, info := range s.GetServiceInfo() {
		for _, method := range info.Methods {
			if full := "/" + name + "/" + method.Name; policies[full] == nil {
				return fmt.Errorf("method %s has no policy", full)
			}
		}
		found, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(name))
		if err != nil {
			return fmt.Errorf("describe service %s: %w", name, err)
		}
		service, ok := found.(protoreflect.ServiceDescriptor)
		if !ok {
			return fmt.Errorf("%s is not a service", name)
		}
		for i := range service.Methods().Len() {
			requests = append(requests, service.Methods().Get(i).Input())
		}
	}
	s.checks.validator, err = protovalidate.New(protovalidate.WithMessageDescriptors(requests...))
	if err != nil {
		return fmt.Errorf("compile the rules of requests: %w", err)
	}
	s.SetReady(false)
	grpc_health_v1.RegisterHealthServer(s, s.Health)
	if s.reflection {
		reflection.Register(s)
	}
	s.metrics.InitializeMetrics(s)
	s.reception.learn(policies, s.GetServiceInfo())
	return nil
}

// SetReady says, for each service of ours and for the server as a whole,
// whether calls can be answered.
func (s *Server) SetReady(ready bool) {
	state := grpc_health_v1.HealthCheckResponse_NOT_SERVING
	if ready {
		state = grpc_health_v1.HealthCheckResponse_SERVING
	}
	s.Health.SetServingStatus("", state)
	for name := range s.GetServiceInfo() {
		s.Health.SetServingStatus(name, state)
	}
}
