package access

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
)

// Settings are those of who may do what.
type Settings struct {
	Auth            string   `env:"AUTH" enum:"off,on" default:"off" help:"Whether callers must be known. off: everybody may do all."`
	KeysFile        string   `env:"KEYS_FILE" help:"The keys of callers, as persistence keys writes them, for all programs; read again when it changes."`
	RateLimit       float64  `env:"RATE_LIMIT" default:"0" help:"How many requests a second one caller may make, or one address where nobody is known; more are refused with RATE_LIMITED. 0: as many as he likes."`
	ServiceKeyFile  string   `env:"SERVICE_KEY_FILE" help:"A file with the key by which this program calls the other services."`
	TrustedKeysFile string   `env:"TRUSTED_KEYS_FILE" help:"Public keys (Ed25519, PEM) of gateways: who calls with a principal that one has signed calls for that principal."`
	OIDCIssuer      string   `name:"oidc-issuer" env:"OIDC_ISSUER" help:"The OpenID provider whose tokens callers may bring, by its issuer: https://login.example.com. Empty: none."`
	OIDCAudience    string   `name:"oidc-audience" env:"OIDC_AUDIENCE" help:"The audience that the tokens of API callers must have."`
	OIDCRolesClaim  string   `name:"oidc-roles-claim" env:"OIDC_ROLES_CLAIM" default:"roles" help:"The claim with what a person may do; dots lead into it: realm_access.roles."`
	OIDCRoles       []string `name:"oidc-roles" env:"OIDC_ROLES" help:"What the claim's values mean, as hr=analyst,it=engineer; empty: they are the names of roles."`
}

// Opened is what the settings lead to.
type Opened struct {
	Gate *Gate
	Own  string // by which this program calls the other services; "": by none
}

// Check refuses values that cannot be meant.
func (s *Settings) Check() error {
	if s.OIDCIssuer == "" {
		return nil
	}
	if s.Auth != "on" {
		return errors.New("OIDC_ISSUER: it is of use only with AUTH=on")
	}
	if parsed, err := url.Parse(s.OIDCIssuer); err != nil || parsed.Scheme != "https" && parsed.Scheme != "http" || parsed.Host == "" {
		return fmt.Errorf("OIDC_ISSUER: %q is no issuer, such as https://login.example.com", s.OIDCIssuer)
	}
	_, err := s.RoleClaim()
	return err
}

// RoleClaim is where a token says what its person may do.
func (s *Settings) RoleClaim() (RoleClaim, error) {
	claim := RoleClaim{Name: s.OIDCRolesClaim, Roles: map[string]Role{}}
	for _, pair := range s.OIDCRoles {
		value, role, is := strings.Cut(strings.TrimSpace(pair), "=")
		if !is || value == "" || !slices.Contains(Roles(), Role(role)) || Role(role) == Service {
			return RoleClaim{}, fmt.Errorf("OIDC_ROLES: %q is not VALUE=ROLE with a role of people", pair)
		}
		claim.Roles[value] = Role(role)
	}
	return claim, nil
}

// Open reads the keys.
func (s *Settings) Open() (Opened, error) {
	if s.Auth != "on" {
		gate, err := NewGate(nil, NewRates(s.RateLimit))
		return Opened{Gate: gate}, err
	}
	if s.KeysFile == "" || s.ServiceKeyFile == "" {
		return Opened{}, errors.New("AUTH: on needs KEYS_FILE and SERVICE_KEY_FILE")
	}
	keys, err := OpenKeys(s.KeysFile)
	if err != nil {
		return Opened{}, fmt.Errorf("KEYS_FILE: %w", err)
	}
	own, err := os.ReadFile(s.ServiceKeyFile)
	if err != nil {
		return Opened{}, fmt.Errorf("SERVICE_KEY_FILE: %w", err)
	}
	secret := strings.TrimSpace(string(own))
	if _, _, err := ParseKey(secret); err != nil {
		return Opened{}, fmt.Errorf("SERVICE_KEY_FILE: %w", err)
	}
	gate, err := NewGate(keys, NewRates(s.RateLimit))
	if err != nil {
		return Opened{}, err
	}
	return Opened{gate, secret}, s.trust(gate)
}

// trust lets a gate know callers by what others say of them: gateways and the provider.
func (s *Settings) trust(gate *Gate) (err error) {
	if s.TrustedKeysFile != "" {
		if gate.trusted, err = OpenTrusted(s.TrustedKeysFile); err != nil {
			return fmt.Errorf("TRUSTED_KEYS_FILE: %w", err)
		}
	}
	if s.OIDCIssuer == "" || s.OIDCAudience == "" {
		return nil
	}
	roles, err := s.RoleClaim()
	gate.tokens = NewTokens(s.OIDCIssuer, s.OIDCAudience, roles)
	return err
}
