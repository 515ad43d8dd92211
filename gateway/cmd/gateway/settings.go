package main

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/futurisys/futurisys/services/platform/config"
)

// settings are those of this process.
type settings struct {
	config.Common

	GatewayHTTPAddr       string        `name:"gateway-http-addr" env:"GATEWAY_HTTP_ADDR" default:"127.0.0.1:8080" help:"Address of REST, the dashboard and the documentation."`
	GatewayAllowedHosts   []string      `env:"GATEWAY_ALLOWED_HOSTS" help:"Names by which browsers and programs reach REST and the dashboard, separated by commas. Empty: names of this machine where it listens on loopback, else all."`
	GatewayTLSCertFile    string        `name:"gateway-tls-cert-file" env:"GATEWAY_TLS_CERT_FILE" help:"The certificate of REST and the dashboard, which then speak HTTPS: a PEM file, read again when it changes."`
	GatewayTLSKeyFile     string        `name:"gateway-tls-key-file" env:"GATEWAY_TLS_KEY_FILE" help:"The key of GATEWAY_TLS_CERT_FILE."`
	GatewayTrustedProxies []string      `env:"GATEWAY_TRUSTED_PROXIES" help:"Addresses (10.0.0.0/8) of proxies in front that speak HTTPS with callers, separated by commas. Nobody else is answered, and what they say of the caller's address is believed."`
	GatewayCORSOrigins    []string      `name:"gateway-cors-origins" env:"GATEWAY_CORS_ORIGINS" help:"Origins of pages that may call the API from a browser (https://hr.example.com), separated by commas; empty: none."`
	GatewayAdminAddr      string        `env:"GATEWAY_ADMIN_ADDR" default:"127.0.0.1:9090" help:"Address of health, metrics and pprof."`
	GatewayRequestTimeout time.Duration `env:"GATEWAY_REQUEST_TIMEOUT" default:"30s" help:"How long a request may take; imports and batches ten times as long."`
	GatewayPublicURL      string        `name:"gateway-public-url" env:"GATEWAY_PUBLIC_URL" help:"Where browsers reach this program, for the OpenID provider to send them back: https://hr.example.com."`
	SigningKeyFile        string        `env:"SIGNING_KEY_FILE" help:"A private key (Ed25519, PEM) by which this program says for whom it calls the services, which have its public key in TRUSTED_KEYS_FILE. Empty: it passes on what its callers send."`
	OIDCClientID          string        `name:"oidc-client-id" env:"OIDC_CLIENT_ID" help:"What the OpenID provider calls the dashboard. Empty: people sign in with keys alone."`
	OIDCClientSecretFile  string        `name:"oidc-client-secret-file" env:"OIDC_CLIENT_SECRET_FILE" help:"A file with the secret of OIDC_CLIENT_ID."`
	OIDCAskInterval       time.Duration `name:"oidc-ask-interval" env:"OIDC_ASK_INTERVAL" default:"15m" help:"How often the OpenID provider is asked again what somebody may do who is signed in."`
	AccessLog             bool          `env:"ACCESS_LOG" default:"true" negatable:"" help:"Log a line about each request. About what fails through no fault of the caller there is one in any case."`
	InferenceTarget       string        `env:"INFERENCE_TARGET" default:"127.0.0.1:9001" help:"Address of inference."`
	PersistenceTarget     string        `env:"PERSISTENCE_TARGET" default:"127.0.0.1:9002" help:"Address of persistence; empty, or in the demo: there is no database."`

	Serve  serveCommand  `cmd:"" default:"1" help:"Serve (the default)."`
	Health healthCommand `cmd:"" help:"Ask the running program whether it is ready."`
}

// Validate refuses values that cannot be meant.
func (s *settings) Validate() error {
	var target error
	if s.InferenceTarget == "" {
		target = errors.New("INFERENCE_TARGET: an address is needed")
	}
	return errors.Join(
		target,
		config.CheckTarget("INFERENCE_TARGET", s.InferenceTarget),
		config.CheckTarget("PERSISTENCE_TARGET", s.PersistenceTarget),
		s.CheckCommon(),
		config.Bound("GATEWAY_REQUEST_TIMEOUT", s.GatewayRequestTimeout, time.Second, 10*time.Minute),
		config.CheckHosts("GATEWAY_ALLOWED_HOSTS", s.GatewayAllowedHosts),
		s.checkEncryption(),
		s.checkSignIn(),
		s.CheckBind("GATEWAY_HTTP_ADDR", s.GatewayHTTPAddr, s.encrypted()),
		s.CheckBind("GATEWAY_ADMIN_ADDR", s.GatewayAdminAddr, false),
	)
}

// encrypted says whether callers speak HTTPS, with this process or a proxy.
func (s *settings) encrypted() bool {
	return s.GatewayTLSCertFile != "" || len(s.GatewayTrustedProxies) > 0
}

// checkEncryption refuses what cannot be meant about it.
func (s *settings) checkEncryption() error {
	if (s.GatewayTLSCertFile == "") != (s.GatewayTLSKeyFile == "") {
		return errors.New("GATEWAY_TLS_CERT_FILE, GATEWAY_TLS_KEY_FILE: both are needed, or none")
	}
	for _, proxy := range s.GatewayTrustedProxies {
		if addresses, err := netip.ParsePrefix(proxy); err != nil || addresses.Bits() == 0 {
			return fmt.Errorf("GATEWAY_TRUSTED_PROXIES: %q is no range of addresses of proxies, such as 10.0.0.0/8", proxy)
		}
	}
	for _, origin := range s.GatewayCORSOrigins {
		parsed, err := url.Parse(origin)
		if err != nil || parsed.Scheme != "https" && parsed.Scheme != "http" || origin != parsed.Scheme+"://"+parsed.Host || parsed.Host == "" || strings.Contains(origin, "*") {
			return fmt.Errorf("GATEWAY_CORS_ORIGINS: %q is no origin, such as https://hr.example.com", origin)
		}
	}
	return nil
}
