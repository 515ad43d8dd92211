package config

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"
	"github.com/joho/godotenv"
)

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
