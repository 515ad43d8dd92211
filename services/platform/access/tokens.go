package access

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"golang.org/x/time/rate"
)

const (
	// maxTokenLife is how long a token may be good: the roles in it are those of its beginning.
	maxTokenLife = time.Hour
	// providerTimeout is how long the provider may take, and providerPause how long it is
	// left alone when it does not answer.
	providerTimeout = 5 * time.Second
	providerPause   = 2 * time.Second
	// fetchesBurst is how often the provider's keys may be fetched at once, and then once a
	// second: a token may name any key.
	fetchesBurst = 20
)

// ErrProviderUnavailable says that a token cannot be verified now: its issuer's keys are not
// there.
var ErrProviderUnavailable = errors.New("the OpenID provider is unavailable")

// Tokens are the bearer tokens (JWT) of an OpenID provider. Many goroutines may use them.
type Tokens struct {
	issuer, audience string
	roles            RoleClaim
	client           *http.Client

	mu    sync.Mutex // held while the provider is looked for
	keys  oidc.KeySet
	tried time.Time
}

// NewTokens returns the tokens of an issuer for an audience. The provider is asked when the
// first one comes.
func NewTokens(issuer, audience string, roles RoleClaim) *Tokens {
	transport := &pacedTransport{http.DefaultTransport, rate.NewLimiter(1, fetchesBurst)}
	return &Tokens{issuer: issuer, audience: audience, roles: roles, client: &http.Client{Timeout: providerTimeout, Transport: transport}}
}

// pacedTransport bounds how often something is asked for.
type pacedTransport struct {
	http.RoundTripper

	pace *rate.Limiter
}

// RoundTrip asks, or fails where it was asked too often.
func (t *pacedTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	if !t.pace.Allow() {
		return nil, errors.New("it was asked a moment ago")
	}
	return t.RoundTripper.RoundTrip(r) //nolint:wrapcheck // net/http's own
}

// Algorithms are those by which tokens may be signed: with a key that only the issuer has.
func Algorithms() []jose.SignatureAlgorithm {
	return []jose.SignatureAlgorithm{jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512, jose.ES256, jose.ES384, jose.ES512, jose.EdDSA}
}

// authenticate returns the principal of a token. ErrUnauthenticated: it is not of the issuer,
// or not for us, or not any more.
func (t *Tokens) authenticate(ctx context.Context, token string) (*Principal, error) {
	parsed, err := jwt.ParseSigned(token, Algorithms())
	if err != nil {
		return nil, ErrUnauthenticated
	}
	var claims tokenClaims
	// Before its signature, so that only what could be right makes us ask the provider.
	if err := parsed.UnsafeClaimsWithoutVerification(&claims); err != nil || t.check(&claims) != nil {
		return nil, ErrUnauthenticated
	}
	keys, err := t.keySet(ctx)
	if err != nil {
		return nil, err
	}
	payload, err := keys.VerifySignature(ctx, token)
	if err != nil {
		if strings.HasPrefix(err.Error(), "fetching keys") { // go-oidc says so only in words
			return nil, fmt.Errorf("%w: %w", ErrProviderUnavailable, err)
		}
		return nil, ErrUnauthenticated
	}
	return PersonOf(t.issuer, payload, t.roles)
}

// tokenClaims are what is looked at of a token. An ID token, which goes through browsers and
// logs, says of what it is by the last three: it is no credential.
type tokenClaims struct {
	jwt.Claims

	Nonce           string `json:"nonce"`
	AccessTokenHash string `json:"at_hash"`
	CodeHash        string `json:"c_hash"`
}

func (t *Tokens) check(claims *tokenClaims) error {
	if claims.Nonce+claims.AccessTokenHash+claims.CodeHash != "" {
		return ErrUnauthenticated
	}
	now := time.Now()
	if err := claims.ValidateWithLeeway(jwt.Expected{Issuer: t.issuer, AnyAudience: jwt.Audience{t.audience}, Time: now}, leeway); err != nil {
		return ErrUnauthenticated
	}
	if claims.Expiry == nil || claims.IssuedAt == nil || claims.Expiry.Time().Sub(claims.IssuedAt.Time()) > maxTokenLife {
		return ErrUnauthenticated
	}
	return nil
}

// keySet are the keys of the provider, which it is asked for where they are.
func (t *Tokens) keySet(ctx context.Context) (oidc.KeySet, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.keys != nil {
		return t.keys, nil
	}
	if time.Since(t.tried) < providerPause {
		return nil, ErrProviderUnavailable
	}
	t.tried = time.Now()
	provider, err := oidc.NewProvider(oidc.ClientContext(ctx, t.client), t.issuer)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrProviderUnavailable, err)
	}
	var about struct {
		JWKSURI string `json:"jwks_uri"`
	}
	if err := provider.Claims(&about); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrProviderUnavailable, err)
	}
	t.keys = oidc.NewRemoteKeySet(oidc.ClientContext(context.WithoutCancel(ctx), t.client), about.JWKSURI)
	return t.keys, nil
}

// RoleClaim is where a token says what its person may do.
type RoleClaim struct {
	Name  string          // of the claim; dots lead into it
	Roles map[string]Role // by the claim's values; empty: they are our roles
}

// of are the roles of claims. What is none of ours is passed over, and nobody is a service.
func (c RoleClaim) of(claims map[string]any) []Role {
	var value any = claims
	for part := range strings.SplitSeq(c.Name, ".") {
		inner, _ := value.(map[string]any)
		value = inner[part]
	}
	var values []string
	switch value := value.(type) {
	case string:
		values = strings.Fields(value)
	case []any:
		for _, one := range value {
			if text, is := one.(string); is {
				values = append(values, text)
			}
		}
	}
	roles := []Role{}
	for _, one := range values {
		role := Role(one)
		if len(c.Roles) > 0 {
			role = c.Roles[one]
		}
		if role != Service && slices.Contains(Roles(), role) && !slices.Contains(roles, role) {
			roles = append(roles, role)
		}
	}
	return roles
}

// PersonOf is the principal that the claims of an issuer's token are of.
func PersonOf(issuer string, payload []byte, roles RoleClaim) (*Principal, error) {
	var claims map[string]any
	if err := json.Unmarshal(payload, &claims); err != nil {
		return nil, ErrUnauthenticated
	}
	text := func(name string) string { found, _ := claims[name].(string); return found }
	subject := issuer + "#" + text("sub")
	if text("sub") == "" || !isSubject(subject) {
		return nil, ErrUnauthenticated
	}
	name := text("name")
	if name == "" || !isSubject(name) {
		name = text("sub")
	}
	return &Principal{Subject: subject, DisplayName: name, Roles: roles.of(claims)}, nil
}

// isSubject says whether a text may stand in records.
func isSubject(text string) bool {
	return text != "" && utf8.RuneCountInString(text) <= maxSubject && !strings.ContainsFunc(text, unicode.IsControl)
}
