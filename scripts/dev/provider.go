package main

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
	"golang.org/x/text/language"
)

// providerClient is what the development provider calls the dashboard, and the audience of its
// tokens.
const providerClient = "futurisys"

// people are who can sign in at the development provider: the name of each is the role.
func people() []string { return []string{"analyst", "engineer", "auditor", "admin"} }

// provider is an OpenID provider with four people, for one machine: zitadel's server with its
// example storage, which forgets all when it ends.
type provider struct {
	*storage.Storage

	signedOut string // where browsers go then

	mu    sync.Mutex
	roles map[string][]string // by the person's id
	keys  []signingKey        // the newest last
}

// users are the people by their ids, which are their names.
type users map[string]*storage.User

// GetUserByID returns a person.
func (u users) GetUserByID(id string) *storage.User { return u[id] }

// GetUserByUsername returns a person.
func (u users) GetUserByUsername(name string) *storage.User { return u[name] }

// ExampleClientID is of zitadel's example, which has a client of this name.
func (u users) ExampleClientID() string { return "example" }

// serveProvider serves at an address, for a dashboard, until ctx ends. Its folder has the
// client's secret in oidc.secret, and everybody's password in oidc.password.
func serveProvider(ctx context.Context, addr, dashboard, folder string) error {
	secret, err := os.ReadFile(filepath.Join(folder, "oidc.secret"))
	if err != nil {
		return fmt.Errorf("read the client's secret: %w", err)
	}
	password, err := os.ReadFile(filepath.Join(folder, "oidc.password"))
	if err != nil {
		return fmt.Errorf("read the people's password: %w", err)
	}
	p := &provider{signedOut: dashboard + "/ui/sign-in", roles: map[string][]string{}}
	all := users{}
	for _, name := range people() {
		all[name] = &storage.User{
			ID: name, Username: name, Password: strings.TrimSpace(string(password)), PreferredLanguage: language.French,
			FirstName: strings.ToUpper(name[:1]) + name[1:], LastName: "Martin",
		}
		p.roles[name] = []string{name}
	}
	storage.RegisterClients(storage.WebClient(providerClient, strings.TrimSpace(string(secret)), dashboard+"/ui/sign-in/callback"))
	p.Storage = storage.NewStorage(all)
	if err := p.rotate(); err != nil {
		return err
	}
	router := exampleop.SetupServer("http://"+addr, p, slog.New(slog.DiscardHandler), false)
	router.Post("/roles", func(_ http.ResponseWriter, r *http.Request) {
		p.setRoles(r.FormValue("person"), strings.Fields(r.FormValue("roles")))
	})
	router.Post("/rotate", func(http.ResponseWriter, *http.Request) { _ = p.rotate() })
	server := &http.Server{Addr: addr, Handler: router, ReadHeaderTimeout: time.Second}
	go func() {
		<-ctx.Done()
		_ = server.Close()
	}()
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve the provider: %w", err)
	}
	return nil
}

// setRoles changes what a person may do.
func (p *provider) setRoles(person string, roles []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.roles[person] = roles
}

func (p *provider) rolesOf(person string) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.roles[person])
}

// SetUserinfoFromRequest puts the roles and the name into ID tokens.
func (p *provider) SetUserinfoFromRequest(ctx context.Context, into *oidc.UserInfo, request op.IDTokenRequest, _ []string) error {
	into.AppendClaims("roles", p.rolesOf(request.GetSubject()))
	scopes := []string{oidc.ScopeOpenID, oidc.ScopeProfile}
	return p.Storage.SetUserinfoFromRequest(ctx, into, request, scopes)
}

// GetPrivateClaimsFromScopes puts the roles into access tokens.
func (p *provider) GetPrivateClaimsFromScopes(_ context.Context, person, _ string, _ []string) (map[string]any, error) {
	return map[string]any{"roles": p.rolesOf(person)}, nil
}

// client gets access tokens that programs read, and sends browsers back.
type client struct {
	op.Client

	signedOut string
}

// AccessTokenType is JWT.
func (client) AccessTokenType() op.AccessTokenType { return op.AccessTokenTypeJWT }

// PostLogoutRedirectURIs are where a browser may be sent then.
func (c client) PostLogoutRedirectURIs() []string { return []string{c.signedOut} }

// GetClientByClientID returns the client.
func (p *provider) GetClientByClientID(ctx context.Context, id string) (op.Client, error) {
	found, err := p.Storage.GetClientByClientID(ctx, id)
	if err != nil {
		return nil, err
	}
	return client{found, p.signedOut}, nil
}

// signingKey is a key of the provider.
type signingKey struct {
	id  string
	key *rsa.PrivateKey
}

// publicKey is its public half.
type publicKey struct{ signingKey }

// ID is its name in tokens.
func (k signingKey) ID() string { return k.id }

// SignatureAlgorithm is RS256.
func (k signingKey) SignatureAlgorithm() jose.SignatureAlgorithm { return jose.RS256 }

// Key is the private key.
func (k signingKey) Key() any { return k.key }

// Algorithm is RS256.
func (k publicKey) Algorithm() jose.SignatureAlgorithm { return jose.RS256 }

// Use is signing.
func (k publicKey) Use() string { return "sig" }

// Key is the public key.
func (k publicKey) Key() any { return &k.key.PublicKey }

// rotate signs with another key from now on. The one before still verifies.
func (p *provider) rotate() error {
	const bits = 2048
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		return fmt.Errorf("make a key: %w", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.keys = append(p.keys, signingKey{rand.Text(), key})
	return nil
}

// SigningKey is the newest one.
func (p *provider) SigningKey(context.Context) (op.SigningKey, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.keys[len(p.keys)-1], nil
}

// KeySet are the newest one and the one before.
func (p *provider) KeySet(context.Context) ([]op.Key, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := make([]op.Key, 0, 2) //nolint:mnd // see above
	for _, key := range p.keys[max(0, len(p.keys)-2):] {
		out = append(out, publicKey{key})
	}
	return out, nil
}
