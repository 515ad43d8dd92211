package access_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"google.golang.org/grpc/metadata"

	"github.com/futurisys/futurisys/services/platform/access"
	"github.com/futurisys/futurisys/services/platform/apierr"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// issuer is an OpenID provider that signs what a test wants.
type issuer struct {
	*httptest.Server

	key     *rsa.PrivateKey
	away    atomic.Bool
	fetched atomic.Int64
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	i := &issuer{key: key}
	answers := http.NewServeMux()
	answers.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]string{"issuer": i.URL, "jwks_uri": i.URL + "/keys"})
	})
	answers.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) {
		i.fetched.Add(1)
		_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: &i.key.PublicKey, KeyID: "1", Algorithm: "RS256", Use: "sig"}}})
	})
	i.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if i.away.Load() {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		answers.ServeHTTP(w, r)
	}))
	t.Cleanup(i.Close)
	return i
}

// claims are those of a token that is taken, but for what changes.
func (i *issuer) claims(changes map[string]any) map[string]any {
	now := time.Now()
	out := map[string]any{
		"iss": i.URL, "aud": "futurisys", "sub": "zoe", "name": "Zoé Martin", "roles": []string{"analyst"},
		"iat": now.Unix(), "exp": now.Add(10 * time.Minute).Unix(),
	}
	for name, value := range changes {
		if out[name] = value; value == nil {
			delete(out, name)
		}
	}
	return out
}

func sign(t *testing.T, algorithm jose.SignatureAlgorithm, key any, keyID string, claims map[string]any) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: jose.JSONWebKey{Key: key, KeyID: keyID}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	token, err := jwt.Signed(signer).Claims(claims).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// opened are settings with AUTH=on and an issuer.
func opened(t *testing.T, issuer string, change func(*access.Settings)) access.Opened {
	t.Helper()
	folder := t.TempDir()
	key := newKey(t)
	settings := &access.Settings{
		Auth: "on", KeysFile: filepath.Join(folder, "keys.json"), ServiceKeyFile: filepath.Join(folder, "service.key"),
		OIDCIssuer: issuer, OIDCAudience: "futurisys", OIDCRolesClaim: "roles",
	}
	if err := access.AddToFile(settings.KeysFile, access.NewEntry(key, "service", "service", []access.Role{access.Service}, nil)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(settings.ServiceKeyFile, []byte(key.Secret), 0o600); err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(settings)
	}
	if err := settings.Check(); err != nil {
		t.Fatal(err)
	}
	out, err := settings.Open()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestTokens(t *testing.T) {
	i := newIssuer(t)
	gate := opened(t, i.URL, nil).Gate
	now := time.Now()
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	good := sign(t, jose.RS256, i.key, "1", i.claims(nil))
	header, payload, _ := strings.Cut(good, ".")
	payload, signature, _ := strings.Cut(payload, ".")
	part := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	public, err := x509.MarshalPKIXPublicKey(&i.key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	inPEM := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})
	changed, err := json.Marshal(i.claims(map[string]any{"roles": []string{"admin"}}))
	if err != nil {
		t.Fatal(err)
	}
	with := func(changes map[string]any) string { return sign(t, jose.RS256, i.key, "1", i.claims(changes)) }
	for name, token := range map[string]string{
		"no algorithm":                   part(`{"alg":"none"}`) + "." + payload + ".",
		"another algorithm in its words": part(`{"alg":"HS256","kid":"1"}`) + "." + payload + "." + signature,
		"HS256 with the public key":      sign(t, jose.HS256, inPEM, "1", i.claims(nil)),
		"HS256 with the modulus":         sign(t, jose.HS256, i.key.N.Bytes(), "1", i.claims(nil)),
		"another key of the same name":   sign(t, jose.RS256, other, "1", i.claims(nil)),
		"a key of another name":          sign(t, jose.RS256, other, "2", i.claims(nil)),
		"changed claims":                 header + "." + part(string(changed)) + "." + signature,
		"another issuer":                 with(map[string]any{"iss": "https://login.example.com"}),
		"another audience":               with(map[string]any{"aud": []string{"payroll"}}),
		"no audience":                    with(map[string]any{"aud": nil}),
		"expired":                        with(map[string]any{"iat": now.Add(-time.Hour).Unix(), "exp": now.Add(-time.Minute).Unix()}),
		"without an end":                 with(map[string]any{"exp": nil}),
		"without a beginning":            with(map[string]any{"iat": nil}),
		"good for two hours":             with(map[string]any{"exp": now.Add(2 * time.Hour).Unix()}),
		"not yet":                        with(map[string]any{"nbf": now.Add(5 * time.Minute).Unix()}),
		"an ID token":                    with(map[string]any{"nonce": "x"}),
		"an ID token without a nonce":    with(map[string]any{"at_hash": "x"}),
		"nobody":                         with(map[string]any{"sub": nil}),
		"a subject of two lines":         with(map[string]any{"sub": "a\nb"}),
		"a long subject":                 with(map[string]any{"sub": strings.Repeat("x", 300)}),
		"cut":                            good[:len(good)-2],
		"no token":                       "a.b.c",
	} {
		_, err := gate.Identify(t.Context(), "Bearer "+token)
		if got := apierr.ReasonOf(err); got != futurisysv1.ErrorReason_ERROR_REASON_UNAUTHENTICATED {
			t.Errorf("%s: got %v", name, err)
		}
	}
	ctx, err := gate.Identify(t.Context(), "Bearer "+good)
	if err != nil {
		t.Fatal(err)
	}
	if got := access.From(ctx); got.Subject != i.URL+"#zoe" || got.DisplayName != "Zoé Martin" || !slices.Equal(got.Roles, []access.Role{access.Analyst}) {
		t.Errorf("got %+v", got)
	}
	// Nobody becomes a service, and what is no role of ours is none.
	ctx, err = gate.Identify(t.Context(), "Bearer "+with(map[string]any{"roles": []string{"service", "root", "viewer"}}))
	if err != nil || !slices.Equal(access.From(ctx).Roles, []access.Role{access.Viewer}) {
		t.Errorf("got %+v, %v", access.From(ctx), err)
	}
	// Names of keys that there are not do not make us ask for each.
	for range 100 {
		_, _ = gate.Identify(t.Context(), "Bearer "+sign(t, jose.RS256, other, rand.Text(), i.claims(nil)))
	}
	if fetched := i.fetched.Load(); fetched > 50 { // of more than a hundred
		t.Errorf("the keys were fetched %d times", fetched)
	}
	i.away.Store(true)
	if _, err := gate.Identify(t.Context(), "Bearer "+good); err != nil {
		t.Errorf("while the provider is away: %v", err)
	}
	lone := opened(t, i.URL, nil).Gate
	if _, err := lone.Identify(t.Context(), "Bearer "+good); apierr.ReasonOf(err) != futurisysv1.ErrorReason_ERROR_REASON_UNAVAILABLE {
		t.Errorf("without the provider's keys: got %v", err)
	}
}

func TestRolesOfTokens(t *testing.T) {
	i := newIssuer(t)
	gate := opened(t, i.URL, func(s *access.Settings) {
		s.OIDCRolesClaim, s.OIDCRoles = "realm_access.roles", []string{"hr=analyst", "it=engineer"}
	}).Gate
	for name, test := range map[string]struct {
		claim any
		want  []access.Role
	}{
		"a list":         {map[string]any{"roles": []string{"hr", "x", "it", "hr"}}, []access.Role{access.Analyst, access.Engineer}},
		"one word":       {map[string]any{"roles": "hr"}, []access.Role{access.Analyst}},
		"our own names":  {map[string]any{"roles": []string{"admin"}}, []access.Role{}},
		"none":           {nil, []access.Role{}},
		"something else": {[]int{1}, []access.Role{}},
	} {
		ctx, err := gate.Identify(t.Context(), "Bearer "+sign(t, jose.RS256, i.key, "1", i.claims(map[string]any{"realm_access": test.claim})))
		if err != nil || !slices.Equal(access.From(ctx).Roles, test.want) {
			t.Errorf("%s: got %+v, %v", name, access.From(ctx), err)
		}
	}
	for _, wrong := range []string{"hr", "hr=root", "hr=service", "=x"} {
		if err := (&access.Settings{Auth: "on", OIDCIssuer: i.URL, OIDCRoles: []string{wrong}}).Check(); err == nil {
			t.Errorf("OIDC_ROLES=%s is taken", wrong)
		}
	}
}

func writeKey(t *testing.T, kind string, content []byte, err error) string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "key.pem")
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: content}), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// The services believe a gateway's word for whom it calls, and nobody else's.
func TestSignedPrincipals(t *testing.T) {
	public, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, otherKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	signer, err := access.OpenSigner(writeKey(t, "PRIVATE KEY", private, err))
	if err != nil {
		t.Fatal(err)
	}
	half, err := x509.MarshalPKIXPublicKey(public)
	trusted := writeKey(t, "PUBLIC KEY", half, err)
	gate := opened(t, "", func(s *access.Settings) { s.TrustedKeysFile = trusted }).Gate

	zoe := &access.Principal{Subject: "zoe", DisplayName: "Zoé", Roles: []access.Role{access.Analyst}}
	sent := func(ctx context.Context) string {
		out, _ := metadata.FromOutgoingContext(access.Outgoing(ctx, "own", signer, futurisysv1.Permission_PERMISSION_EMPLOYEES_READ))
		return strings.Join(out.Get("authorization"), ",")
	}
	good := sent(access.Of(t.Context(), zoe))
	ctx, err := gate.Identify(t.Context(), good)
	if err != nil || access.From(ctx).Subject != "zoe" || !slices.Equal(access.From(ctx).Roles, zoe.Roles) {
		t.Fatalf("got %+v, %v", access.From(ctx), err)
	}
	if again := sent(access.Of(t.Context(), zoe)); again != good {
		t.Error("each call is signed anew")
	}
	if other := sent(access.Of(t.Context(), &access.Principal{Subject: "zoe", Roles: []access.Role{access.Admin}})); other == good {
		t.Error("another role has the same token")
	}
	if nobody := sent(access.Anonymous(t.Context())); nobody != "" {
		t.Errorf("for nobody it sends %s", nobody)
	}
	parsed, err := jwt.ParseSigned(strings.TrimPrefix(good, "Bearer "), []jose.SignatureAlgorithm{jose.EdDSA})
	if err != nil {
		t.Fatal(err)
	}
	keyID := parsed.Headers[0].KeyID
	claims := func(changes map[string]any) map[string]any {
		out := map[string]any{"iss": "futurisys", "aud": "futurisys", "sub": "zoe", "roles": []string{"admin"}, "exp": time.Now().Add(time.Minute).Unix()}
		maps.Copy(out, changes)
		return out
	}
	for name, token := range map[string]string{
		"another key by its name": sign(t, jose.EdDSA, otherKey, keyID, claims(nil)),
		"another key":             sign(t, jose.EdDSA, otherKey, "x", claims(nil)),
		"HS256 with the public":   sign(t, jose.HS256, []byte(public), keyID, claims(nil)),
		"expired":                 sign(t, jose.EdDSA, key, keyID, claims(map[string]any{"exp": time.Now().Add(-time.Hour).Unix()})),
		"another audience":        sign(t, jose.EdDSA, key, keyID, claims(map[string]any{"aud": "x"})),
		"a service":               sign(t, jose.EdDSA, key, keyID, claims(map[string]any{"roles": []string{"service"}})),
		"nobody":                  sign(t, jose.EdDSA, key, keyID, claims(map[string]any{"sub": ""})),
	} {
		if _, err := gate.Identify(t.Context(), "Bearer "+token); apierr.ReasonOf(err) != futurisysv1.ErrorReason_ERROR_REASON_UNAUTHENTICATED {
			t.Errorf("%s: got %v", name, err)
		}
	}
	for name, wrong := range map[string]func() error{
		"a public key to sign with": func() error { _, err := access.OpenSigner(trusted); return err },
		"nothing in PEM":            func() error { _, err := access.OpenTrusted(writeKey(t, "X", nil, nil)); return err },
		"no file":                   func() error { _, err := access.OpenTrusted("none"); return err },
	} {
		if err := wrong(); err == nil || errors.Is(err, access.ErrUnauthenticated) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
