package access

import (
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/jellydator/ttlcache/v3"
)

// A signed principal is a token (JWT, EdDSA) by which the gateway says for whom it calls: the
// services need not see what people sign in with.
const (
	// signedBy is its issuer and its audience.
	signedBy = "futurisys"
	// signedLife is how long it is good: longer than any method may take.
	signedLife = 6 * time.Minute
	// signedAgain is when the next one is made.
	signedAgain = time.Minute
	// leeway is how far clocks may differ.
	leeway = 30 * time.Second
	// maxKnown is how many tokens are remembered.
	maxKnown = 10_000
)

// signedClaims are what a signed principal says.
type signedClaims struct {
	jwt.Claims

	Name  string `json:"name"`
	Roles []Role `json:"roles"`
}

// Signer signs principals. Many goroutines may use it.
type Signer struct {
	signer jose.Signer
	made   *ttlcache.Cache[string, string]
}

// OpenSigner reads a private key of Ed25519: PEM, PKCS 8.
func OpenSigner(path string) (*Signer, error) {
	blocks, err := readPEM(path, "PRIVATE KEY")
	if err != nil {
		return nil, err
	}
	parsed, err := x509.ParsePKCS8PrivateKey(blocks[0])
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	key, is := parsed.(ed25519.PrivateKey)
	if !is {
		return nil, fmt.Errorf("%s: a key of Ed25519 is needed", path)
	}
	public, _ := key.Public().(ed25519.PublicKey)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.EdDSA, Key: jose.JSONWebKey{Key: key, KeyID: keyID(public)}}, nil)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &Signer{signer, ttlcache.New(ttlcache.WithTTL[string, string](signedAgain), ttlcache.WithCapacity[string, string](maxKnown), ttlcache.WithDisableTouchOnHit[string, string]())}, nil
}

// keyID is what a token calls the key that it is signed with.
func keyID(public ed25519.PublicKey) string {
	sum := sha256.Sum256(public)
	return base64.RawURLEncoding.EncodeToString(sum[:12])
}

// sign returns a token of a principal.
func (s *Signer) sign(principal *Principal) (string, error) {
	name := fmt.Sprintf("%q %q %q", principal.Subject, principal.DisplayName, principal.Roles)
	if known := s.made.Get(name); known != nil {
		return known.Value(), nil
	}
	now := time.Now()
	token, err := jwt.Signed(s.signer).Claims(signedClaims{
		Claims: jwt.Claims{
			Issuer: signedBy, Audience: jwt.Audience{signedBy}, Subject: principal.Subject,
			IssuedAt: jwt.NewNumericDate(now), Expiry: jwt.NewNumericDate(now.Add(signedLife)),
		},
		Name: principal.DisplayName, Roles: principal.Roles,
	}).Serialize()
	if err != nil {
		return "", fmt.Errorf("sign a principal: %w", err)
	}
	s.made.Set(name, token, ttlcache.DefaultTTL)
	return token, nil
}

// Trusted are the keys whose signed principals are believed. Many goroutines may use them.
type Trusted struct {
	keys  map[string]ed25519.PublicKey // by id
	known *ttlcache.Cache[string, *signedClaims]
}

// OpenTrusted reads public keys of Ed25519: PEM, one after the other.
func OpenTrusted(path string) (*Trusted, error) {
	blocks, err := readPEM(path, "PUBLIC KEY")
	if err != nil {
		return nil, err
	}
	t := &Trusted{map[string]ed25519.PublicKey{}, ttlcache.New(ttlcache.WithTTL[string, *signedClaims](signedAgain), ttlcache.WithCapacity[string, *signedClaims](maxKnown))}
	for _, block := range blocks {
		parsed, err := x509.ParsePKIXPublicKey(block)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		key, is := parsed.(ed25519.PublicKey)
		if !is {
			return nil, fmt.Errorf("%s: keys of Ed25519 are needed", path)
		}
		t.keys[keyID(key)] = key
	}
	return t, nil
}

// authenticate returns the principal of a token. ours says that a key of these has signed it.
func (t *Trusted) authenticate(token string) (principal *Principal, ours bool, err error) {
	if t == nil {
		return nil, false, nil
	}
	claims := &signedClaims{}
	if known := t.known.Get(token); known != nil {
		claims = known.Value()
	} else {
		parsed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.EdDSA})
		if err != nil {
			return nil, false, nil //nolint:nilerr // a token of elsewhere, or none
		}
		key, is := t.keys[parsed.Headers[0].KeyID]
		if !is {
			return nil, false, nil
		}
		if err := parsed.Claims(key, claims); err != nil {
			return nil, true, ErrUnauthenticated
		}
		t.known.Set(token, claims, ttlcache.DefaultTTL)
	}
	expected := jwt.Expected{Issuer: signedBy, AnyAudience: jwt.Audience{signedBy}, Time: time.Now()}
	if err := claims.ValidateWithLeeway(expected, leeway); err != nil || claims.Expiry == nil || !isSubject(claims.Subject) || slices.Contains(claims.Roles, Service) {
		return nil, true, ErrUnauthenticated
	}
	return &Principal{Subject: claims.Subject, DisplayName: claims.Name, Roles: claims.Roles}, true, nil
}

// readPEM reads what a file has of a kind, at least one.
func readPEM(path, kind string) ([][]byte, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err //nolint:wrapcheck // it names the file
	}
	var found [][]byte
	for {
		block, rest := pem.Decode(content)
		if block == nil {
			break
		}
		if block.Type != kind {
			return nil, fmt.Errorf("%s: it has a %s, and a %s is needed", path, strings.ToLower(block.Type), strings.ToLower(kind))
		}
		found, content = append(found, block.Bytes), rest
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("%s: %w", path, errors.New("there is no key in PEM in it"))
	}
	return found, nil
}
