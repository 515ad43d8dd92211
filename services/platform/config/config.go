// Package config reads the settings of a process into a typed struct:
// defaults < file < environment < flag.
package config

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"
	"github.com/alecthomas/kong"
	"github.com/joho/godotenv"
)

// Environments that settings differ in; the third is dev.
const (
	Demo = "demo"
	Prod = "prod"
)

// Common holds the settings that every process has. Embed it.
type Common struct {
	Environment       string `env:"ENVIRONMENT" enum:"demo,dev,prod" default:"dev" help:"demo: no database; dev: everything; prod: secured."`
	LogLevel          string `env:"LOG_LEVEL" enum:"debug,info,warn,error" default:"info" help:"The least level that is logged."`
	LogFormat         string `env:"LOG_FORMAT" enum:"text,json" default:"text" help:"How a log line looks."`
	ConfigFile        string `env:"CONFIG_FILE" help:"A file of KEY=value lines; outside prod .env is read if it is there."`
	AllowInsecureBind bool   `env:"ALLOW_INSECURE_BIND" help:"Allow an address other than loopback while authentication is off."`
}

// keys are the settings of the whole deployment: its processes share one file,
// so a key in it that none of them knows is a slip of the pen.
var keys = []string{
	"ENVIRONMENT", "LOG_LEVEL", "LOG_FORMAT", "CONFIG_FILE", "ALLOW_INSECURE_BIND",
	"GATEWAY_HTTP_ADDR", "GATEWAY_ADMIN_ADDR", "GATEWAY_REQUEST_TIMEOUT",
	"INFERENCE_GRPC_ADDR", "INFERENCE_ADMIN_ADDR", "INFERENCE_TARGET",
	"PERSISTENCE_GRPC_ADDR", "PERSISTENCE_ADMIN_ADDR", "PERSISTENCE_TARGET",
	"MODEL_REPOSITORY", "MODEL_STATE_DIR", "MODEL_POLL_INTERVAL", "MODEL_MAX_LOADED", "MODEL_MEMORY_BUDGET_MIB",
	"HF_ENDPOINT", "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_TOKEN_PATH", "HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE",
	"HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE",
	"ONNXRUNTIME_LIB", "RECORDING", "RECORDING_TIMEOUT", "OUTBOX_DIR", "OUTBOX_MAX_MIB", "OUTBOX_MAX_AGE", "OUTBOX_FULL",
	"DATABASE_URL",
}

// renamed are settings of earlier versions. One that is still set is refused: what it
// meant would be passed over without a word.
var renamed = map[string]string{
	"OUTBOX_MOST_MIB": "OUTBOX_MAX_MIB", "OUTBOX_OLDEST_AGE": "OUTBOX_MAX_AGE", "MODEL_MOST_LOADED": "MODEL_MAX_LOADED",
}

// Keys returns the settings of the whole deployment.
func Keys() []string { return slices.Clone(keys) }

// Parse fills cli, a struct with kong tags, from the settings, and returns the
// command that was asked for. An unknown key or a bad value is an error that
// names it.
func Parse(name, description string, cli any, args []string) (*kong.Context, error) {
	if err := loadFile(args); err != nil {
		return nil, err
	}
	for old, now := range renamed {
		if _, set := os.LookupEnv(old); set {
			return nil, fmt.Errorf("%s is %s now", old, now)
		}
	}
	parser, err := kong.New(cli, kong.Name(name), kong.Description(description))
	if err != nil {
		return nil, fmt.Errorf("describe the settings: %w", err)
	}
	command, err := parser.Parse(args)
	if err != nil {
		return nil, errors.New(nameKeys(err.Error()))
	}
	return command, nil
}

// Bound refuses a value that is not from low to high.
func Bound[T cmp.Ordered](key string, value, low, high T) error {
	if value >= low && value <= high {
		return nil
	}
	return fmt.Errorf("%s: %v is not from %v to %v", key, value, low, high)
}

// CheckBind refuses an address that others can reach while nothing guards it.
func CheckBind(key, addr string, allowed bool) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("%s: %q is not host:port", key, addr)
	}
	ip := net.ParseIP(host)
	if host == "localhost" || (ip != nil && ip.IsLoopback()) || allowed {
		return nil
	}
	return fmt.Errorf("%s: %q is reachable from outside while authentication is off; "+
		"set ALLOW_INSECURE_BIND=true if that is what you want", key, addr)
}

// loadFile puts a file's keys into the environment, where they are not set yet.
func loadFile(args []string) error {
	path := os.Getenv("CONFIG_FILE")
	for i, arg := range args {
		if value, ok := strings.CutPrefix(arg, "--config-file="); ok {
			path = value
		} else if arg == "--config-file" && i+1 < len(args) {
			path = args[i+1]
		}
	}
	if path == "" {
		if os.Getenv("ENVIRONMENT") == Prod {
			return nil
		}
		if _, err := os.Stat(DotEnv); err != nil {
			return nil //nolint:nilerr // no .env is the usual case
		}
		path = DotEnv
	}
	values, err := godotenv.Read(path)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("CONFIG_FILE: %w", err)
	}
	if err != nil { // what is wrong would show what stands there, a token perhaps
		return fmt.Errorf("CONFIG_FILE: %s is not of lines KEY=value: a = or a quote is missing", path)
	}
	return setUnset(path, values)
}

// setUnset puts values of a file into the environment, where they are not set yet.
func setUnset(path string, values map[string]string) error {
	for key, value := range values {
		if now, old := renamed[key]; old {
			return fmt.Errorf("%s: %s is %s now", path, key, now)
		}
		if meant, ours := misspelt(key); ours {
			return fmt.Errorf("%s: unknown key %s: did you mean %s?", path, key, meant)
		}
		if _, set := os.LookupEnv(key); set || !slices.Contains(keys, key) {
			continue
		}
		if err := os.Setenv(key, value); err != nil {
			return fmt.Errorf("%s: %s: %w", path, key, err)
		}
	}
	return nil
}

// DotEnv is the file that is read outside prod if it is there.
const DotEnv = ".env"

// others are keys of a deployment that only look like ours.
var others = []string{"GATEWAY_PORT"}

// misspelt says whether a key is one of ours with a slip of the pen, and which. A file is
// shared with other programs, whose keys are left alone.
func misspelt(key string) (meant string, ours bool) {
	const slips = 2
	if slices.Contains(keys, key) || slices.Contains(others, key) {
		return "", false
	}
	meant = slices.MinFunc(keys, func(a, b string) int {
		return cmp.Compare(levenshtein.ComputeDistance(key, a), levenshtein.ComputeDistance(key, b))
	})
	if levenshtein.ComputeDistance(key, meant) <= slips {
		return meant, true
	}
	for _, prefix := range []string{"GATEWAY_", "INFERENCE_", "PERSISTENCE_", "MODEL_", "RECORDING_", "OUTBOX_", "DATABASE_", "ONNXRUNTIME_"} {
		if strings.HasPrefix(key, prefix) {
			return meant, true
		}
	}
	return "", false
}

var flagName = regexp.MustCompile(`--[a-z][a-z-]+`)

// nameKeys puts the environment's name before each flag in a message, because
// that is what most people set.
func nameKeys(message string) string {
	return flagName.ReplaceAllStringFunc(message, func(flag string) string {
		key := strings.ToUpper(strings.ReplaceAll(strings.TrimPrefix(flag, "--"), "-", "_"))
		if !slices.Contains(keys, key) {
			return flag
		}
		return key + " (" + flag + ")"
	})
}
