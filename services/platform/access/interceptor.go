package access

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/futurisys/futurisys/proto/catalogue"
	"github.com/futurisys/futurisys/proto/policy"
	"github.com/futurisys/futurisys/services/platform/apierr"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// metadataKey is the metadata, and the HTTP header, that carries a credential.
const metadataKey = "authorization"

// viaKey is the metadata by which one of our services says that it calls for somebody.
const viaKey = "futurisys-via"

// scheme begins a credential.
const scheme = "bearer "

// Gate refuses calls whose caller is not known, or not allowed what he asks for.
type Gate struct {
	keys     *Keys
	trusted  *Trusted // nil: no gateway's word is taken
	tokens   *Tokens  // nil: there is no provider
	rates    *Rates
	policies policy.Policies
	refused  func(ctx context.Context, method string) // nil: nobody is told
	refusals *Rates
}

// NewGate returns a gate of such keys; nil keys: everybody may do all. nil rates: as often as
// he likes.
func NewGate(keys *Keys, rates *Rates) (*Gate, error) {
	policies, err := policy.Load()
	if err != nil {
		return nil, err //nolint:wrapcheck // it says all there is to say
	}
	return &Gate{keys: keys, rates: rates, policies: policies, refusals: NewRates(refusalsPerSecond)}, nil
}

// Open says that everybody may do all.
func (g *Gate) Open() bool { return g == nil || g.keys == nil }

// OnRefusal says whom to tell of a principal who calls a method that he may not, before any
// comes.
func (g *Gate) OnRefusal(tell func(ctx context.Context, method string)) {
	if g != nil {
		g.refused = tell
	}
}

// FollowKeys says where keys are besides those of the file, before Run.
func (g *Gate) FollowKeys(source KeySource) {
	if !g.Open() {
		g.keys.source = source
	}
}

// AllowMethod returns an error unless the principal of a context has the permission of a
// method.
func (g *Gate) AllowMethod(ctx context.Context, method string) error {
	err := g.mayCall(ctx, method)
	if err != nil {
		g.tellRefusal(ctx, method)
	}
	return err
}

// refusalsPerSecond is how many refusals of one principal are told of: he can make any number.
const refusalsPerSecond = 5

func (g *Gate) tellRefusal(ctx context.Context, method string) {
	if g.refused != nil && From(ctx) != nil && g.refusals.Take(ctx, "") == nil {
		g.refused(ctx, method)
	}
}

// Run keeps what the gate knows of callers up to date until ctx ends.
func (g *Gate) Run(ctx context.Context, log *slog.Logger) {
	if g.Open() {
		<-ctx.Done()
		return
	}
	g.keys.Run(ctx, log)
}

// Identify returns a context of whom a credential is, as it stands in the header
// Authorization; "": of nobody. An error is what the caller gets.
func (g *Gate) Identify(ctx context.Context, authorization string) (context.Context, error) {
	if g.Open() {
		return ctx, nil
	}
	if authorization == "" {
		return Anonymous(ctx), nil
	}
	if len(authorization) < len(scheme) || !strings.EqualFold(authorization[:len(scheme)], scheme) {
		return nil, apierr.New(futurisysv1.ErrorReason_ERROR_REASON_UNAUTHENTICATED)
	}
	credential := strings.TrimSpace(authorization[len(scheme):])
	principal, err := g.authenticate(ctx, credential)
	if errors.Is(err, ErrKeysUnavailable) {
		return nil, fmt.Errorf("%w: %w", apierr.Unavailable("database", reloadInterval), err)
	}
	if errors.Is(err, ErrProviderUnavailable) {
		return nil, fmt.Errorf("%w: %w", apierr.Unavailable("OpenID provider", providerPause), err)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", apierr.New(futurisysv1.ErrorReason_ERROR_REASON_UNAUTHENTICATED), err)
	}
	return context.WithValue(ctx, callKey{}, call{principal, credential}), nil
}

// authenticate returns whose a credential is: a key, a principal that a gateway has signed, or
// a token of the provider.
func (g *Gate) authenticate(ctx context.Context, credential string) (*Principal, error) {
	if strings.HasPrefix(credential, keyPrefix) {
		return g.keys.Authenticate(credential)
	}
	if principal, ours, err := g.trusted.authenticate(credential); ours {
		return principal, err
	}
	if g.tokens == nil {
		return nil, fmt.Errorf("%w: it is neither a key, nor signed by one of TRUSTED_KEYS_FILE, and there is no OIDC_AUDIENCE for a token", ErrUnauthenticated)
	}
	return g.tokens.authenticate(ctx, credential)
}

// Of returns a context of a principal who is known otherwise: by a session.
func Of(ctx context.Context, principal *Principal) context.Context {
	return context.WithValue(ctx, callKey{}, call{principal: principal})
}

// Take counts a request of the principal of a context, or of an address where there is none.
// What a service calls for itself is not counted.
func (g *Gate) Take(ctx context.Context, address string) error {
	if g == nil || From(ctx).May(futurisysv1.Permission_PERMISSION_INTERNAL) {
		return nil
	}
	return g.rates.Take(ctx, address)
}

// Allow returns an error unless the principal of a context has a permission.
func (g *Gate) Allow(ctx context.Context, permission futurisysv1.Permission) error {
	principal := From(ctx)
	switch {
	case g.Open() || principal.May(permission):
		return nil
	case principal == nil:
		return apierr.New(futurisysv1.ErrorReason_ERROR_REASON_UNAUTHENTICATED)
	default:
		return apierr.New(futurisysv1.ErrorReason_ERROR_REASON_PERMISSION_DENIED, "permission", permissionName(permission))
	}
}

// permissionName is a permission as people write it: employees.read.
func permissionName(permission futurisysv1.Permission) string {
	return strings.ToLower(strings.ReplaceAll(catalogue.Name(permission), "_", "."))
}

// Screen returns an error unless the caller of a method may call it at all: before his
// message is read. It counts nothing.
func (g *Gate) Screen(ctx context.Context, method string) error {
	if g.Open() {
		return nil
	}
	known, err := g.identifyCall(ctx)
	if err != nil {
		return err
	}
	return g.mayCall(known, method)
}

// mayCall returns an error unless the principal of a context has the permission of a method,
// and is one of the services that it is for.
func (g *Gate) mayCall(ctx context.Context, method string) error {
	known := g.policies[method]
	if err := g.Allow(ctx, known.GetPermission()); err != nil {
		return err
	}
	if len(known.GetServices()) == 0 || g.Open() || Subject(ctx) == AnyService || slices.Contains(known.GetServices(), Subject(ctx)) {
		return nil
	}
	return apierr.New(futurisysv1.ErrorReason_ERROR_REASON_PERMISSION_DENIED, "permission", permissionName(known.GetPermission())+" of "+strings.Join(known.GetServices(), " or "))
}

func (g *Gate) identifyCall(ctx context.Context) (context.Context, error) {
	given := ""
	if values := metadata.ValueFromIncomingContext(ctx, metadataKey); len(values) > 0 {
		given = values[0]
	}
	return g.Identify(ctx, given)
}

// admit identifies the caller of a method over gRPC, and returns an error unless he may call
// it at all.
func (g *Gate) admit(ctx context.Context, method string) (context.Context, error) {
	known, err := g.identifyCall(ctx)
	if err != nil {
		known = ctx
	}
	if limited := g.takeCall(ctx, known); limited != nil {
		return nil, limited
	}
	if err != nil {
		return nil, err
	}
	return known, g.AllowMethod(known, method)
}

// takeCall counts a call over gRPC, unless one of our services makes it for somebody whom it has
// counted. Also who is not known is counted: guessing a key is one call each.
func (g *Gate) takeCall(ctx, known context.Context) error {
	if via := metadata.ValueFromIncomingContext(ctx, viaKey); len(via) > 0 {
		if service, err := g.keys.Authenticate(via[0]); err == nil && service.May(futurisysv1.Permission_PERMISSION_INTERNAL) {
			return nil
		}
	}
	address := ""
	if from, is := peer.FromContext(ctx); is {
		address = from.Addr.String()
	}
	return g.Take(known, address)
}

// allowFields returns an error when a field is set that asks for more than the method.
func (g *Gate) allowFields(ctx context.Context, method string, request any) error {
	message, is := request.(proto.Message)
	if !is {
		return nil
	}
	fields := message.ProtoReflect().Descriptor().Fields()
	for _, asked := range g.policies[method].GetWhenSet() {
		field := fields.ByName(protoreflect.Name(asked.GetField()))
		if field != nil && message.ProtoReflect().Has(field) {
			if err := g.Allow(ctx, asked.GetPermission()); err != nil {
				g.tellRefusal(ctx, method)
				return err
			}
		}
	}
	return nil
}

// Unary is the interceptor of calls with one request.
func (g *Gate) Unary(ctx context.Context, request any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	if g.Open() {
		return next(ctx, request)
	}
	ctx, err := g.admit(ctx, info.FullMethod)
	if err != nil {
		return nil, err
	}
	if err := g.allowFields(ctx, info.FullMethod, request); err != nil {
		return nil, err
	}
	return next(ctx, request)
}

// Stream is the interceptor of streams.
func (g *Gate) Stream(service any, stream grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) error {
	if g.Open() {
		return next(service, stream)
	}
	ctx, err := g.admit(stream.Context(), info.FullMethod)
	if err != nil {
		return err
	}
	return next(service, &gatedStream{stream, ctx, g, info.FullMethod})
}

// gatedStream is a stream whose caller is known.
type gatedStream struct {
	grpc.ServerStream

	ctx    context.Context //nolint:containedctx // a ServerStream has one
	gate   *Gate
	method string
}

// Context is that of the caller.
func (s *gatedStream) Context() context.Context { return s.ctx }

// RecvMsg receives a request, and refuses one that asks for more than its caller may, or whose
// caller may nothing any more since his key was revoked, or asks too often.
func (s *gatedStream) RecvMsg(into any) error {
	if err := s.ServerStream.RecvMsg(into); err != nil {
		return err //nolint:wrapcheck // io.EOF among them
	}
	if _, err := s.gate.admit(s.ServerStream.Context(), s.method); err != nil {
		return err
	}
	return s.gate.allowFields(s.ctx, s.method, into)
}

// Anonymous returns a context of a caller who is not known: what is called for him is not the
// service's own, and carries no credential.
func Anonymous(ctx context.Context) context.Context {
	return context.WithValue(ctx, callKey{}, call{})
}

// Outgoing returns a context whose calls over gRPC carry whom they are made for, as the signer
// says it or else by his own credential, or the credential of a service itself where they are
// the service's own. What it calls for somebody says also by which service, so that one
// request of his is not counted twice.
func Outgoing(ctx context.Context, own string, signer *Signer, permission futurisysv1.Permission) context.Context {
	if own == "" { // it knows nobody
		return ctx
	}
	found, forSomebody := ctx.Value(callKey{}).(call)
	if !forSomebody || permission == futurisysv1.Permission_PERMISSION_INTERNAL {
		return metadata.AppendToOutgoingContext(ctx, metadataKey, "Bearer "+own)
	}
	ctx = metadata.AppendToOutgoingContext(ctx, viaKey, own)
	if signer != nil && found.principal != nil {
		if token, err := signer.sign(found.principal); err == nil {
			found.credential = token
		}
	}
	if found.credential == "" {
		return ctx
	}
	return metadata.AppendToOutgoingContext(ctx, metadataKey, "Bearer "+found.credential)
}
