package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// roles are those of people and programs who call.
func roles() []string {
	return []string{"viewer", "analyst", "engineer", "auditor", "admin", "scorer"}
}

// secured says whether callers must be known.
func (s settings) secured() bool {
	return s.get("AUTH", "off") == "on" || s.environment() == "prod"
}

// secure gives the programs of a group what AUTH=on needs and nobody has set: certificates, a
// key of each role, and in dev a provider by which people sign in. It returns the secret of the
// importer.
func (s settings) secure(ctx context.Context, root string, group *group) (importer string, err error) {
	folder := filepath.Join(root, "var/access")
	if group.own, importer, err = s.makeAccess(ctx, root, folder); err != nil || !s.needsProvider() {
		return importer, err
	}
	return importer, s.startProvider(ctx, group, folder)
}

// makeAccess makes keys and certificates. It returns what each program gets by its name, and
// the secret of the importer.
func (s settings) makeAccess(ctx context.Context, root, folder string) (own map[string][]string, importer string, err error) {
	own = map[string][]string{}
	all := []string{"AUTH=on"}
	if s.get("KEYS_FILE", "") == "" {
		if err := makeKeys(ctx, root, folder); err != nil {
			return nil, "", err
		}
		all = append(all, "KEYS_FILE="+filepath.Join(folder, "keys.json"))
		for _, name := range programs() {
			own[name] = append(own[name], "SERVICE_KEY_FILE="+filepath.Join(folder, name+".key"))
		}
		secret, err := os.ReadFile(filepath.Join(folder, "analyst.key"))
		if err != nil {
			return nil, "", fmt.Errorf("read the importer's key: %w", err)
		}
		importer = strings.TrimSpace(string(secret))
		sayf("AUTH=on: a key of each role is in %s", folder)
	}
	made := s.get("TLS_CERT_FILE", "") == ""
	if made {
		if err := makeCertificates(folder); err != nil {
			return nil, "", err
		}
	}
	for _, name := range programs() {
		own[name] = append(own[name], all...)
		certificate := filepath.Join(folder, name)
		if made {
			own[name] = append(own[name], "TLS_CERT_FILE="+certificate+".pem", "TLS_KEY_FILE="+certificate+"-key.pem", "TLS_CA_FILE="+filepath.Join(folder, "ca.pem"))
		}
		if made && s.get("TRUSTED_KEYS_FILE", "") == "" {
			own[name] = append(own[name], "TRUSTED_KEYS_FILE="+filepath.Join(folder, "signing.pem"), "SIGNING_KEY_FILE="+filepath.Join(folder, "signing-key.pem"))
		}
		if made && s.needsHTTPS() {
			own[name] = append(own[name], "GATEWAY_TLS_CERT_FILE="+certificate+".pem", "GATEWAY_TLS_KEY_FILE="+certificate+"-key.pem")
		}
	}
	return own, importer, nil
}

// needsProvider says whether people can sign in nowhere else.
func (s settings) needsProvider() bool {
	return s.environment() == "dev" && s.get("OIDC_ISSUER", "") == "" && s.get("TLS_CERT_FILE", "") == "" && s.get("TRUSTED_KEYS_FILE", "") == ""
}

// startProvider starts the development provider, and tells the programs of it.
func (s settings) startProvider(ctx context.Context, group *group, folder string) error {
	addr := s.get("DEV_OIDC_ADDR", "127.0.0.1:9003")
	for _, name := range []string{"oidc.secret", "oidc.password"} {
		path := filepath.Join(folder, name)
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			continue
		}
		const owner = 0o600
		if err := os.WriteFile(path, []byte(rand.Text()+"\n"), owner); err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
	}
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	if err := group.start("provider", self, "provider", addr, s.web(), folder); err != nil {
		return err
	}
	issuer := "http://" + addr
	if err := group.await(ctx, service{"provider", issuer + "/healthz"}, readyTimeout); err != nil {
		return err
	}
	for _, name := range programs() {
		group.own[name] = append(group.own[name], "OIDC_ISSUER="+issuer, "OIDC_AUDIENCE="+providerClient)
	}
	group.own["gateway"] = append(group.own["gateway"], "OIDC_CLIENT_ID="+providerClient, "OIDC_CLIENT_SECRET_FILE="+filepath.Join(folder, "oidc.secret"), "GATEWAY_PUBLIC_URL="+s.web())
	sayf("people who can sign in: %s, with the password in %s", strings.Join(people(), ", "), filepath.Join(folder, "oidc.password"))
	return nil
}

// needsHTTPS says whether browsers must speak HTTPS, and nobody has said how.
func (s settings) needsHTTPS() bool {
	return s.environment() == "prod" && s.get("GATEWAY_TLS_CERT_FILE", "") == "" && s.get("GATEWAY_TRUSTED_PROXIES", "") == ""
}

// makeKeys makes a key of each role, and of each program.
func makeKeys(ctx context.Context, root, folder string) error {
	const private = 0o700
	if err := os.MkdirAll(folder, private); err != nil {
		return fmt.Errorf("make the keys' folder: %w", err)
	}
	for _, role := range roles() {
		if err := makeKey(ctx, root, folder, role, role); err != nil {
			return err
		}
	}
	for _, name := range programs() {
		if err := makeKey(ctx, root, folder, name, "service"); err != nil {
			return err
		}
	}
	return nil
}

// makeKey makes the key of a name, if there is none yet.
func makeKey(ctx context.Context, root, folder, name, role string) error {
	path := filepath.Join(folder, name+".key")
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	create := exec.CommandContext(ctx, filepath.Join(root, "bin/persistence"), "keys", "create", "--name", name, "--role", role)
	create.Env = append(os.Environ(), "KEYS_FILE="+filepath.Join(folder, "keys.json"))
	create.Stderr = os.Stderr
	secret, err := create.Output()
	if err != nil {
		return fmt.Errorf("make a key of %s: %w", name, err)
	}
	const owner = 0o600
	if err := os.WriteFile(path, secret, owner); err != nil {
		return fmt.Errorf("write a key: %w", err)
	}
	return nil
}
