package e2e

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/futurisys/futurisys/services/platform/access"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// makeCertificates makes a certificate of each program, as `make certs` does.
func makeCertificates(t *testing.T, folder string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), filepath.Join(binaries, "dev"), "certs", folder).CombinedOutput(); err != nil {
		t.Fatalf("make the certificates: %v: %s", err, out)
	}
}

// encryption are the settings of programs that have one certificate, of a folder.
func encryption(folder string) []string {
	name := filepath.Join(folder, "gateway")
	return []string{"TLS_CERT_FILE=" + name + ".pem", "TLS_KEY_FILE=" + name + "-key.pem", "TLS_CA_FILE=" + filepath.Join(folder, "ca.pem")}
}

// trusting is a configuration that trusts who signed the certificates of a folder, and shows
// that of a program; "": none.
func trusting(t *testing.T, folder, own string) *tls.Config {
	t.Helper()
	signers, err := os.ReadFile(filepath.Join(folder, "ca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	config := &tls.Config{RootCAs: x509.NewCertPool(), MinVersion: tls.VersionTLS12}
	config.RootCAs.AppendCertsFromPEM(signers)
	if own != "" {
		name := filepath.Join(folder, own)
		certificate, err := tls.LoadX509KeyPair(name+".pem", name+"-key.pem")
		if err != nil {
			t.Fatal(err)
		}
		config.Certificates = []tls.Certificate{certificate}
	}
	return config
}

// prodSettings are those without which prod does not start, and the folder of certificates.
func (g *guarded) prodSettings(t *testing.T) (settings []string, folder string) {
	t.Helper()
	folder = t.TempDir()
	makeCertificates(t, folder)
	return slices.Concat(g.settings, encryption(folder), []string{"ENVIRONMENT=prod", "GATEWAY_TRUSTED_PROXIES=127.0.0.0/8"}), folder
}

func migrated(t *testing.T) (url string) {
	t.Helper()
	url = postgresURL(t)
	command := exec.CommandContext(t.Context(), filepath.Join(binaries, "persistence"), "migrate")
	command.Env = []string{"HOME=" + t.TempDir(), "ENVIRONMENT=prod", "DATABASE_URL=" + url}
	command.Dir = t.TempDir()
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("migrate: %v: %s", err, out)
	}
	return url
}

// predictAt predicts at a service, with a key.
func predictAt(t *testing.T, address, key string, encrypted credentials.TransportCredentials) error {
	t.Helper()
	connection, err := grpc.NewClient(address, grpc.WithTransportCredentials(encrypted))
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	ctx, cancel := context.WithTimeout(metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+key), 10*time.Second)
	defer cancel()
	_, err = futurisysv1.NewPredictionServiceClient(connection).Predict(ctx, &futurisysv1.PredictRequest{Model: "attrition", Profile: &futurisysv1.EmployeeProfile{Age: new(int32(40))}})
	if status.Code(err) == codes.InvalidArgument {
		return nil // it was let in
	}
	return err
}

// In prod nobody reaches a service at its own port who speaks in the clear, or has no
// certificate of ours; who has one still needs a key.
func TestProdIsEncryptedWithin(t *testing.T) {
	g := newGuarded(t)
	settings, folder := g.prodSettings(t)
	g.stack = start(t, options{database: migrated(t), environment: settings})
	elsewhere := t.TempDir()
	makeCertificates(t, elsewhere)
	withoutOne := trusting(t, folder, "")
	foreign := trusting(t, elsewhere, "inference")
	foreign.RootCAs = withoutOne.RootCAs
	for _, address := range []string{g.setting("INFERENCE_GRPC_ADDR"), g.setting("PERSISTENCE_GRPC_ADDR")} {
		for name, with := range map[string]credentials.TransportCredentials{
			"in the clear": insecure.NewCredentials(), "without a certificate": credentials.NewTLS(withoutOne), "with one of elsewhere": credentials.NewTLS(foreign),
			"of another server": credentials.NewTLS(trusting(t, elsewhere, "inference")),
		} {
			if err := predictAt(t, address, g.keys[access.Scorer], with); status.Code(err) != codes.Unavailable {
				t.Errorf("%s at %s: got %v", name, address, err)
			}
		}
	}
	ours := credentials.NewTLS(trusting(t, folder, "gateway"))
	if err := predictAt(t, g.grpc, g.keys[access.Scorer], ours); err != nil {
		t.Errorf("with a certificate and a key: got %v", err)
	}
	if err := predictAt(t, g.grpc, "fsk_nobody", ours); status.Code(err) != codes.Unauthenticated {
		t.Errorf("with a certificate and nobody's key: got %v", err)
	}
}

// Certificates are changed while calls are made, and none fails; what is signed by nobody who
// is known any more is refused.
func TestCertificatesChangeUnderLoad(t *testing.T) {
	g := newGuarded(t)
	settings, folder := g.prodSettings(t)
	settings = append(settings, "ENVIRONMENT=dev", "GATEWAY_TRUSTED_PROXIES=", "GATEWAY_TLS_CERT_FILE="+filepath.Join(folder, "gateway.pem"), "GATEWAY_TLS_KEY_FILE="+filepath.Join(folder, "gateway-key.pem"))
	g.stack = start(t, options{database: sqliteURL(t), environment: settings, https: trusting(t, folder, "")})
	g.key = g.keys[access.Scorer]
	before := trusting(t, folder, "gateway")
	body := `{"profile": ` + exampleJSON(t, g.stack) + `}`
	ended, failed := make(chan struct{}), make(chan []string, 1)
	calls := 0
	go func() {
		var failures []string
		for {
			select {
			case <-ended:
				failed <- failures
				return
			default:
			}
			calls++
			web := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}, Timeout: 10 * time.Second} // the certificates change
			request, err := http.NewRequestWithContext(context.Background(), http.MethodPost, g.web+"/v1/models/attrition:predict", strings.NewReader(body))
			if err == nil {
				request.Header.Set("Authorization", "Bearer "+g.keys[access.Scorer])
				var answer *http.Response
				if answer, err = web.Do(request); err == nil {
					_ = answer.Body.Close()
					if answer.StatusCode != http.StatusOK {
						failures = append(failures, answer.Status)
					}
				}
			}
			if err != nil {
				failures = append(failures, err.Error())
			}
			web.CloseIdleConnections() // each has a handshake of its own
		}
	}()
	makeCertificates(t, folder)
	after := trusting(t, folder, "gateway")
	g.eventually("the services show the new certificates", func() bool {
		return predictAt(t, g.grpc, g.keys[access.Scorer], credentials.NewTLS(after)) == nil
	})
	if err := predictAt(t, g.grpc, g.keys[access.Scorer], credentials.NewTLS(before)); status.Code(err) != codes.Unavailable {
		t.Errorf("with a certificate of before: got %v", err)
	}
	g.eventually("the gateway shows its new certificate", func() bool {
		connection, err := (&tls.Dialer{Config: trusting(t, folder, "")}).DialContext(t.Context(), "tcp", strings.TrimPrefix(g.web, "https://"))
		if err == nil {
			_ = connection.Close()
		}
		return err == nil
	})
	close(ended)
	if failures := <-failed; len(failures) > 0 || calls < 100 {
		t.Errorf("%d of %d calls failed: %v", len(failures), calls, failures[:min(len(failures), 5)])
	}
	t.Logf("%d calls", calls)
}

// What prod must not be without stops it, by name.
func TestProdRefusesToServeUnsecured(t *testing.T) {
	g := newGuarded(t)
	settings, _ := g.prodSettings(t)
	for name, test := range map[string]struct {
		program, without, want string
	}{
		"nobody known": {"inference", "AUTH=", "AUTH: prod needs on"}, "in the clear": {"persistence", "TLS_", "TLS_CERT_FILE: prod needs"},
		"no HTTPS": {"gateway", "GATEWAY_T", "GATEWAY_TLS_CERT_FILE: prod needs"}, "half of the files": {"inference", "TLS_KEY", "all of them are needed"},
	} {
		command := exec.CommandContext(t.Context(), filepath.Join(binaries, test.program))
		command.Env = append(slices.DeleteFunc(slices.Clone(settings), func(setting string) bool { return strings.HasPrefix(setting, test.without) }),
			"HOME="+t.TempDir(), "ONNXRUNTIME_LIB="+library, "DATABASE_URL=postgres://127.0.0.1:1/x")
		command.Dir = t.TempDir()
		if out, err := command.CombinedOutput(); err == nil || !strings.Contains(string(out), test.want) {
			t.Errorf("%s: got %v: %s", name, err, out)
		}
	}
}
