package main

import (
	"strings"
	"testing"
	"time"

	"github.com/futurisys/futurisys/services/platform/config"
)

// What cannot be meant about signing in by a provider is refused, by its key.
func TestSignInSettings(t *testing.T) {
	good := func() *settings {
		s := &settings{OIDCClientID: "futurisys", SigningKeyFile: "key.pem", GatewayPublicURL: "https://hr.example.com", OIDCAskInterval: time.Minute}
		s.Access.OIDCIssuer, s.Environment = "https://login.example.com", config.Prod
		return s
	}
	for name, test := range map[string]struct {
		change func(*settings)
		want   string
	}{
		"good":                  {func(*settings) {}, ""},
		"no provider at all":    {func(s *settings) { *s = settings{} }, ""},
		"no issuer":             {func(s *settings) { s.Access.OIDCIssuer = "" }, "OIDC_ISSUER"},
		"no signing key":        {func(s *settings) { s.SigningKeyFile = "" }, "SIGNING_KEY_FILE"},
		"no public URL":         {func(s *settings) { s.GatewayPublicURL = "" }, "GATEWAY_PUBLIC_URL"},
		"a path":                {func(s *settings) { s.GatewayPublicURL += "/hr" }, "GATEWAY_PUBLIC_URL"},
		"http in prod":          {func(s *settings) { s.GatewayPublicURL = "http://hr.example.com" }, "GATEWAY_PUBLIC_URL"},
		"asked all the time":    {func(s *settings) { s.OIDCAskInterval = 0 }, "OIDC_ASK_INTERVAL"},
		"http, and not prod":    {func(s *settings) { s.Environment, s.GatewayPublicURL = "dev", "http://127.0.0.1:8080" }, ""},
		"asked hardly any more": {func(s *settings) { s.OIDCAskInterval = 24 * time.Hour }, "OIDC_ASK_INTERVAL"},
	} {
		s := good()
		test.change(s)
		err := s.checkSignIn()
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	insecure := good()
	insecure.Access.OIDCIssuer = "http://login.example.com"
	if err := insecure.CheckProd(); err == nil || !strings.Contains(err.Error(), "OIDC_ISSUER") {
		t.Errorf("got %v", err)
	}
}
