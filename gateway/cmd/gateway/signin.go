package main

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/futurisys/futurisys/gateway/internal/dashboard"
	"github.com/futurisys/futurisys/gateway/internal/openid"
	"github.com/futurisys/futurisys/services/platform/access"
	"github.com/futurisys/futurisys/services/platform/config"
	"github.com/futurisys/futurisys/services/platform/grpcclient"
)

// checkSignIn refuses what cannot be meant about signing in by a provider.
func (s *settings) checkSignIn() error {
	if s.OIDCClientID == "" {
		return nil
	}
	public, err := url.Parse(s.GatewayPublicURL)
	switch {
	case s.Access.OIDCIssuer == "":
		return errors.New("OIDC_CLIENT_ID: it needs OIDC_ISSUER")
	case s.Environment == config.Prod && err == nil && strings.HasPrefix(s.GatewayPublicURL, "http:"):
		return errors.New("GATEWAY_PUBLIC_URL: prod needs one with https")
	case s.SigningKeyFile == "":
		return errors.New("OIDC_CLIENT_ID: it needs SIGNING_KEY_FILE, or the services know nobody who signs in")
	case err != nil || public.Host == "" || public.Scheme != "https" && public.Scheme != "http" || strings.Trim(public.Path, "/") != "":
		return fmt.Errorf("GATEWAY_PUBLIC_URL: %q is not where browsers reach the dashboard, such as https://hr.example.com", s.GatewayPublicURL)
	}
	return config.Bound("OIDC_ASK_INTERVAL", s.OIDCAskInterval, time.Second, time.Hour) //nolint:wrapcheck // it names the key
}

// identify finds out who callers are, and who this program is to the services.
func (s *settings) identify() (config.Secured, grpcclient.Identity, error) {
	who, err := s.Secure()
	if err != nil {
		return config.Secured{}, grpcclient.Identity{}, err //nolint:wrapcheck // it names the keys
	}
	signer, err := s.signer()
	if err != nil {
		who.Certificates.Close()
		return config.Secured{}, grpcclient.Identity{}, err
	}
	return who, grpcclient.Identity{Credential: who.Own, Certificates: who.Certificates, Signer: signer}, nil
}

// signer says for whom this program calls; nil: nobody says so.
func (s *settings) signer() (*access.Signer, error) {
	if s.SigningKeyFile == "" || s.Access.Auth != "on" {
		return nil, nil //nolint:nilnil // see above
	}
	signer, err := access.OpenSigner(s.SigningKeyFile)
	if err != nil {
		return nil, fmt.Errorf("SIGNING_KEY_FILE: %w", err)
	}
	return signer, nil
}

// provider is by which people sign in; nil: there is none.
func (s *settings) provider() (*openid.Provider, error) {
	if s.OIDCClientID == "" {
		return nil, nil //nolint:nilnil // see above
	}
	roles, err := s.Access.RoleClaim()
	if err != nil {
		return nil, err //nolint:wrapcheck // it names the key
	}
	var secret []byte
	if s.OIDCClientSecretFile != "" {
		if secret, err = os.ReadFile(s.OIDCClientSecretFile); err != nil {
			return nil, fmt.Errorf("OIDC_CLIENT_SECRET_FILE: %w", err)
		}
	}
	public := strings.TrimSuffix(s.GatewayPublicURL, "/")
	return openid.New(openid.Options{
		Issuer: s.Access.OIDCIssuer, ClientID: s.OIDCClientID, ClientSecret: strings.TrimSpace(string(secret)),
		Callback: public + dashboard.CallbackPath, SignedOut: public + dashboard.SignPath, Roles: roles, Encrypted: s.encrypted(),
	}), nil
}
