package main

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// How long the certificates are good: they are for one machine, and made anew with one command.
const certificateLife = 365 * 24 * time.Hour

// programs are those that have a certificate each.
func programs() []string { return []string{"gateway", "inference", "persistence"} }

// makeCertificates writes a certificate of each program, and of who signs them, into a folder:
// NAME.pem, NAME-key.pem, ca.pem; and signing.pem with signing-key.pem. The signer's key is kept nowhere: nobody signs another one.
func makeCertificates(folder string) error {
	const private = 0o700
	if err := os.MkdirAll(folder, private); err != nil {
		return fmt.Errorf("make the certificates' folder: %w", err)
	}
	signer, err := newCertificate("futurisys", nil)
	if err != nil {
		return err
	}
	for _, name := range programs() {
		certificate, err := newCertificate(name, signer)
		if err != nil {
			return err
		}
		if err := certificate.write(filepath.Join(folder, name)); err != nil {
			return err
		}
	}
	if err := makeSigningKey(folder); err != nil {
		return err
	}
	return writePEM(filepath.Join(folder, "ca.pem"), "CERTIFICATE", signer.DER)
}

// makeSigningKey writes the key by which the gateway says for whom it calls, and its public half.
func makeSigningKey(folder string) error {
	public, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return fmt.Errorf("make a key: %w", err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return fmt.Errorf("write a key: %w", err)
	}
	if err := writePEM(filepath.Join(folder, "signing-key.pem"), "PRIVATE KEY", private); err != nil {
		return err
	}
	half, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return fmt.Errorf("write a key: %w", err)
	}
	return writePEM(filepath.Join(folder, "signing.pem"), "PUBLIC KEY", half)
}

type certificate struct {
	*x509.Certificate

	DER []byte
	key *ecdsa.PrivateKey
}

// newCertificate makes a certificate for a name on this machine and in a network of containers;
// without a signer one that signs.
func newCertificate(name string, signer *certificate) (*certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	const serialBits = 128
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), serialBits))
	if err != nil {
		return nil, fmt.Errorf("make a certificate: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Minute), NotAfter: time.Now().Add(certificateLife),
		KeyUsage: x509.KeyUsageDigitalSignature, BasicConstraintsValid: true,
	}
	parent := &certificate{Certificate: template, key: key}
	if signer == nil {
		template.IsCA, template.KeyUsage = true, x509.KeyUsageCertSign
	} else {
		parent = signer
		template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
		template.DNSNames = []string{name, "localhost"}
		template.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback} //nolint:mnd // this machine
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent.Certificate, &key.PublicKey, parent.key)
	if err != nil {
		return nil, fmt.Errorf("sign the certificate of %s: %w", name, err)
	}
	return &certificate{template, der, key}, nil
}

func (c *certificate) write(path string) error {
	key, err := x509.MarshalPKCS8PrivateKey(c.key)
	if err != nil {
		return fmt.Errorf("write a key: %w", err)
	}
	if err := writePEM(path+"-key.pem", "PRIVATE KEY", key); err != nil {
		return err
	}
	return writePEM(path+".pem", "CERTIFICATE", c.DER)
}

// writePEM writes a file, all or nothing: a program may read it at any time.
func writePEM(path, kind string, content []byte) error {
	const private = 0o600
	partial := path + ".partial"
	if err := os.WriteFile(partial, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: content}), private); err != nil {
		return fmt.Errorf("write %s: %w", filepath.Base(path), err)
	}
	if err := os.Rename(partial, path); err != nil {
		return fmt.Errorf("write %s: %w", filepath.Base(path), err)
	}
	return nil
}
