// Package certs encrypts what the programs say to each other, and to callers, with
// certificates from files that are read again when they change.
package certs

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"time"

	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/credentials/tls/certprovider"
	"google.golang.org/grpc/credentials/tls/certprovider/pemfile"
	"google.golang.org/grpc/security/advancedtls"
)

// Settings are those of the encryption between the programs.
type Settings struct {
	CertFile string `name:"tls-cert-file" env:"TLS_CERT_FILE" help:"This program's certificate, to the other programs: a PEM file, read again when it changes. Its names are those by which they reach it."`
	KeyFile  string `name:"tls-key-file" env:"TLS_KEY_FILE" help:"The key of TLS_CERT_FILE."`
	CAFile   string `name:"tls-ca-file" env:"TLS_CA_FILE" help:"The certificates of those who sign the programs' certificates. With it a service answers nobody who has none of theirs."`
}

// refreshInterval is how soon a changed file is read.
const refreshInterval = 5 * time.Second

// Set says whether the programs' calls are encrypted.
func (s *Settings) Set() bool { return s.CertFile != "" }

// Check refuses files of which some are missing.
func (s *Settings) Check() error {
	if set := s.CertFile != ""; set != (s.KeyFile != "") || set != (s.CAFile != "") {
		return errors.New("TLS_CERT_FILE, TLS_KEY_FILE, TLS_CA_FILE: all of them are needed, or none")
	}
	return nil
}

// Files are certificates that are followed. A nil one encrypts nothing.
type Files struct {
	provider       certprovider.Provider
	server, client credentials.TransportCredentials // nil without certificates of who signs
}

// Open reads the files; nil: none are set. Close it at the end.
func (s *Settings) Open() (*Files, error) {
	if !s.Set() {
		return nil, nil //nolint:nilnil // a nil one is one that encrypts nothing
	}
	f, err := open("TLS_CERT_FILE, TLS_KEY_FILE, TLS_CA_FILE", pemfile.Options{CertFile: s.CertFile, KeyFile: s.KeyFile, RootFile: s.CAFile})
	if err != nil {
		return nil, err
	}
	if err := f.prepare(); err != nil {
		f.Close()
		return nil, fmt.Errorf("TLS_CA_FILE: %w", err)
	}
	return f, nil
}

// OpenPair reads a certificate and its key, as settings name them, for callers without one.
func OpenPair(keys, certFile, keyFile string) (*Files, error) {
	return open(keys, pemfile.Options{CertFile: certFile, KeyFile: keyFile})
}

func open(keys string, options pemfile.Options) (*Files, error) {
	options.RefreshDuration = refreshInterval
	// The provider says only in its log that a file does not read, and waits for it.
	if _, err := tls.LoadX509KeyPair(options.CertFile, options.KeyFile); err != nil {
		return nil, fmt.Errorf("%s: %w", keys, err)
	}
	provider, err := pemfile.NewProvider(options)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", keys, err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), refreshInterval)
	defer cancel()
	if _, err := provider.KeyMaterial(ctx); err != nil {
		provider.Close()
		return nil, fmt.Errorf("%s: the certificates do not read: %w", keys, err)
	}
	return &Files{provider: provider}, nil
}

// Close ends the following.
func (f *Files) Close() {
	if f != nil {
		f.provider.Close()
	}
}

// prepare makes the credentials.
func (f *Files) prepare() (err error) {
	own := advancedtls.IdentityCertificateOptions{IdentityProvider: f.provider}
	signers := advancedtls.RootCertificateOptions{RootProvider: f.provider}
	f.server, err = advancedtls.NewServerCreds(&advancedtls.Options{
		IdentityOptions: own, RootOptions: signers, RequireClientCert: true, VerificationType: advancedtls.CertVerification,
		MinTLSVersion: tls.VersionTLS13, MaxTLSVersion: tls.VersionTLS13,
	})
	if err != nil {
		return err //nolint:wrapcheck // it says all there is to say
	}
	f.client, err = advancedtls.NewClientCreds(&advancedtls.Options{
		IdentityOptions: own, RootOptions: signers, VerificationType: advancedtls.CertAndHostVerification,
		MinTLSVersion: tls.VersionTLS13, MaxTLSVersion: tls.VersionTLS13,
	})
	return err //nolint:wrapcheck // it says all there is to say
}

// Server are the credentials of a service: callers show a certificate too.
func (f *Files) Server() credentials.TransportCredentials {
	if f == nil {
		return insecure.NewCredentials()
	}
	return f.server
}

// Client are the credentials of calls to a service.
func (f *Files) Client() credentials.TransportCredentials {
	if f == nil {
		return insecure.NewCredentials()
	}
	return f.client
}

// HTTP is the configuration of an HTTPS server.
func (f *Files) HTTP() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{"http/1.1"},
		GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			material, err := f.provider.KeyMaterial(hello.Context())
			if err != nil {
				return nil, err //nolint:wrapcheck // it is logged as it is
			}
			return &material.Certs[0], nil
		},
	}
}
