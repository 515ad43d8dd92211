package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/futurisys/futurisys/services/platform/config"
)

type settings struct {
	config.Common

	DatabaseURL string `name:"database-url" env:"DATABASE_URL" default:"from-default"`
}

// inFolder runs the test in a folder of its own, with this .env if any.
func inFolder(t *testing.T, dotenv string) {
	t.Helper()
	t.Chdir(t.TempDir())
	for _, key := range config.Keys() { // what a .env sets must not outlive the test
		t.Setenv(key, "")
		if err := os.Unsetenv(key); err != nil {
			t.Fatal(err)
		}
	}
	if dotenv != "" {
		if err := os.WriteFile(".env", []byte(dotenv), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func parse(args ...string) (settings, error) {
	var s settings
	_, err := config.Parse("test", "A test.", &s, args)
	return s, err
}

func TestPrecedence(t *testing.T) {
	inFolder(t, "")
	if s, err := parse(); err != nil || s.DatabaseURL != "from-default" {
		t.Fatalf("default: %q, %v", s.DatabaseURL, err)
	}
	inFolder(t, "DATABASE_URL=from-file\n")
	if s, err := parse(); err != nil || s.DatabaseURL != "from-file" {
		t.Fatalf("file over default: %q, %v", s.DatabaseURL, err)
	}
	t.Setenv("DATABASE_URL", "from-environment")
	if s, err := parse(); err != nil || s.DatabaseURL != "from-environment" {
		t.Fatalf("environment over file: %q, %v", s.DatabaseURL, err)
	}
	if s, err := parse("--database-url=from-flag"); err != nil || s.DatabaseURL != "from-flag" {
		t.Fatalf("flag over environment: %q, %v", s.DatabaseURL, err)
	}
}

func TestDotenvIsReadOutsideProd(t *testing.T) {
	inFolder(t, "DATABASE_URL=from-file\n")
	t.Setenv("ENVIRONMENT", "prod")
	if s, err := parse(); err != nil || s.DatabaseURL != "from-default" {
		t.Fatalf("got %q, %v", s.DatabaseURL, err)
	}
	other := filepath.Join(t.TempDir(), "prod.env")
	if err := os.WriteFile(other, []byte("DATABASE_URL=from-named-file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if s, err := parse("--config-file", other); err != nil || s.DatabaseURL != "from-named-file" {
		t.Fatalf("got %q, %v", s.DatabaseURL, err)
	}
}

func TestMistakesNameTheKey(t *testing.T) {
	for name, test := range map[string]struct {
		dotenv string
		args   []string
		want   string
	}{
		"misspelt key":         {"DATABASE_ULR=x\n", nil, "unknown key DATABASE_ULR: did you mean DATABASE_URL?"},
		"misspelt, of the Hub": {"HF_TOKN=x\n", nil, "did you mean HF_TOKEN?"},
		"letters left out":     {"ENVIRNMENT=demo\n", nil, "did you mean ENVIRONMENT?"},
		"looks like ours":      {"GATEWAY_COLOUR=x\n", nil, "unknown key GATEWAY_COLOUR"},
		"a = is missing":       {"HF_TOKEN hf_geheim\nLOG_LEVEL=info\n", nil, "not of lines KEY=value"},
		"in small letters":     {"database_url=x\n", nil, "unknown key database_url: did you mean DATABASE_URL?"},
		"set twice":            {"LOG_LEVEL=info\nexport LOG_LEVEL=debug\n", nil, "LOG_LEVEL appears more than once"},
		"bad value":            {"LOG_LEVEL=loud\n", nil, "LOG_LEVEL"},
		"bad environment":      {"", []string{"--environment=test"}, "ENVIRONMENT"},
		"unknown flag":         {"", []string{"--nothing"}, "--nothing"},
		"missing file":         {"", []string{"--config-file=nowhere.env"}, "CONFIG_FILE"},
	} {
		t.Run(name, func(t *testing.T) {
			inFolder(t, test.dotenv)
			if _, err := parse(test.args...); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want an error with %q", err, test.want)
			} else if strings.Contains(err.Error(), "geheim") {
				t.Errorf("a secret is in the error: %v", err)
			}
		})
	}
}

// The file is Compose's and other programs' too; and what the caller exported wins.
func TestKeysOfOthersAreLeftAlone(t *testing.T) {
	inFolder(t, "POSTGRES_PASSWORD=geheim\nOTEL_SERVICE_NAME=x\nCOMPOSE_PROJECT_NAME=x\nGATEWAY_PORT=9999\nGO_IMAGE=x\nBASE_IMAGE=x\n"+
		"HF_HUB_DISABLE_XET=1\nLOG_LEVEL=warn\nDATABASE_URL='sqlite:a b.db' # spaces\n")
	t.Setenv("LOG_LEVEL", "debug")
	s, err := parse()
	if err != nil || s.DatabaseURL != "sqlite:a b.db" || s.LogLevel != "debug" {
		t.Fatalf("got %+v, %v", s, err)
	}
	for _, key := range []string{"POSTGRES_PASSWORD", "GATEWAY_PORT", "HF_HUB_DISABLE_XET"} {
		if _, set := os.LookupEnv(key); set {
			t.Errorf("%s was set", key)
		}
	}
}

// Editors of Windows begin a file with a mark.
func TestAFileMayBeginWithAMark(t *testing.T) {
	inFolder(t, "\uFEFFDATABASE_URL=from-file\n")
	if s, err := parse(); err != nil || s.DatabaseURL != "from-file" {
		t.Errorf("got %q, %v", s.DatabaseURL, err)
	}
}

func TestCheckTarget(t *testing.T) {
	for target, want := range map[string]bool{
		"": true, "127.0.0.1:9001": true, "inference:9001": true, "[::1]:9001": true, "dns:///inference:9001": true, "unix:/run/x": true,
		"http://inference:9001": false, "inference": false, "inference:": false, ":9001": false, "inference:0": false, "inference:99999": false, "inference:x": false,
	} {
		if err := config.CheckTarget("SOME_TARGET", target); (err == nil) != want || err != nil && !strings.Contains(err.Error(), "SOME_TARGET") {
			t.Errorf("%q: got %v", target, err)
		}
	}
}

func TestBound(t *testing.T) {
	if err := config.Bound("SOME_TIME", 5*time.Second, time.Second, time.Minute); err != nil {
		t.Error(err)
	}
	if err := config.Bound("SOME_TIME", -5*time.Second, time.Second, time.Minute); err == nil || err.Error() != "SOME_TIME: -5s is not from 1s to 1m0s" {
		t.Errorf("got %v", err)
	}
}

func TestCheckBind(t *testing.T) {
	for addr, want := range map[string]bool{
		"127.0.0.1:80": true, "localhost:80": true, "[::1]:80": true, "127.8.8.8:1": true,
		"0.0.0.0:80": false, ":80": false, "[::]:80": false, "192.168.1.2:80": false, "example.com:80": false, "80": false,
	} {
		if err := (&config.Common{}).CheckBind("SOME_ADDR", addr, false); (err == nil) != want {
			t.Errorf("%q: got %v", addr, err)
		} else if err != nil && !strings.Contains(err.Error(), "SOME_ADDR") {
			t.Errorf("%q: the key is not named: %v", addr, err)
		}
	}
	if err := (&config.Common{AllowInsecureBind: true}).CheckBind("SOME_ADDR", "0.0.0.0:80", false); err != nil {
		t.Errorf("allowed: %v", err)
	}
}

// A setting that nobody reads of is as good as none.
func TestEachSettingIsDocumented(t *testing.T) {
	text, err := os.ReadFile("../../../docs/settings.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range config.Keys() {
		if !strings.Contains(string(text), key) {
			t.Errorf("docs/settings.md does not have %s", key)
		}
	}
}
