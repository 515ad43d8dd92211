package config

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"regexp"
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
	content, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("CONFIG_FILE: %w", err)
	}
	content = bytes.TrimPrefix(content, []byte("\uFEFF")) // editors of Windows write it
	if key := repeated(content); key != "" {
		return fmt.Errorf("%s: %s appears more than once", path, key)
	}
	values, err := godotenv.UnmarshalBytes(content)
	if err != nil { // what is wrong would show what stands there, a token perhaps
		return fmt.Errorf("CONFIG_FILE: %s is not of lines KEY=value: a = or a quote is missing", path)
	}
	return setUnset(path, values)
}

// assignment is a line that sets a key.
var assignment = regexp.MustCompile(`(?m)^\s*(?:export\s+)?([A-Z][A-Z0-9_]*)\s*=`)

// repeated is a key of ours that a file sets twice: of two values one would be taken in
// silence.
func repeated(content []byte) string {
	seen := map[string]bool{}
	for _, match := range assignment.FindAllSubmatch(content, -1) {
		key := string(match[1])
		if seen[key] && slices.Contains(keys, key) {
			return key
		}
		seen[key] = true
	}
	return ""
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
	upper := strings.ToUpper(key)
	meant = slices.MinFunc(keys, func(a, b string) int {
		return cmp.Compare(levenshtein.ComputeDistance(upper, a), levenshtein.ComputeDistance(upper, b))
	})
	if levenshtein.ComputeDistance(upper, meant) <= slips {
		return meant, true
	}
	for _, prefix := range []string{"GATEWAY_", "INFERENCE_", "PERSISTENCE_", "MODEL_", "RECORDING_", "OUTBOX_", "DATABASE_", "ONNXRUNTIME_"} {
		if strings.HasPrefix(upper, prefix) {
			return meant, true
		}
	}
	return "", false
}
