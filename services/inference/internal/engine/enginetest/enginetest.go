// Package enginetest gives tests the real engine and the committed model, and
// holds the suite that every engine must pass.
package enginetest

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"github.com/futurisys/futurisys/services/inference/internal/engine"
	"github.com/futurisys/futurisys/services/inference/internal/engine/ort"
	"github.com/futurisys/futurisys/services/inference/internal/modelpkg"
)

// Width is the number of features of the committed model.
const Width = 24

// root is the repository's folder.
func root() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "../../../../..")
}

// Repository is the committed model repository.
func Repository() string { return filepath.Join(root(), "deploy/models") }

// open starts ONNX Runtime once a process.
var open = sync.OnceValues(func() (*ort.Runtime, error) { //nolint:gochecknoglobals // the library itself is global
	path := os.Getenv("ONNXRUNTIME_LIB")
	if path == "" {
		found, err := filepath.Glob(filepath.Join(root(), ".cache/onnxruntime/libonnxruntime.*"))
		if err != nil || len(found) == 0 {
			return nil, errors.New("ONNX Runtime is needed: run `make setup`, or set ONNXRUNTIME_LIB")
		}
		path = found[0]
	}
	return ort.Open(path)
})

// Open returns the real engine.
func Open(t testing.TB) engine.Runtime {
	t.Helper()
	opened, err := open()
	if err != nil {
		t.Fatal(err)
	}
	return opened
}

// CopyModel copies version 1 of the committed model into a repository of the
// test's own and returns the repository and the version's folder.
func CopyModel(t testing.TB) (repository, version string) {
	t.Helper()
	repository = t.TempDir()
	version = filepath.Join(repository, "attrition", "1")
	if err := os.CopyFS(version, os.DirFS(filepath.Join(Repository(), "attrition", "1"))); err != nil {
		t.Fatal(err)
	}
	return repository, version
}

// EditManifest changes a package's manifest; with reseal the digests of its files
// are made right again, so that another check than that of the digests is met.
func EditManifest(t testing.TB, version string, reseal bool, edit func(manifest map[string]any)) {
	t.Helper()
	path := filepath.Join(version, modelpkg.ManifestFile)
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var manifest map[string]any
	if err := json.Unmarshal(raw, &manifest); err != nil {
		t.Fatal(err)
	}
	if edit != nil {
		edit(manifest)
	}
	if reseal {
		manifest["files"] = digests(t, version)
	}
	if raw, err = json.Marshal(manifest); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
}

// digests are those of a package's files, as they are now.
func digests(t testing.TB, version string) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, name := range []string{modelpkg.GraphFile, modelpkg.GoldenFile, modelpkg.CardFile, "background.json", "reference_profile.json"} {
		data, err := os.ReadFile(filepath.Join(version, name))
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(data)
		out[name] = hex.EncodeToString(sum[:])
	}
	return out
}

// Run runs the suite on an engine, with the committed graph.
func Run(t *testing.T, loader engine.Runtime) {
	t.Helper()
	graph, err := os.ReadFile(filepath.Join(Repository(), "attrition/1", modelpkg.GraphFile))
	if err != nil {
		t.Fatal(err)
	}
	load := func(t *testing.T) engine.Session {
		t.Helper()
		session, err := loader.Load(graph, Width)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := session.Close(); err != nil {
				t.Error(err)
			}
		})
		return session
	}
	t.Run("a graph that cannot be served is refused", func(t *testing.T) {
		for name, broken := range map[string][]byte{"empty": {}, "no graph": []byte("not ONNX"), "cut": graph[:len(graph)/2]} {
			if _, err := loader.Load(broken, Width); !errors.Is(err, engine.ErrGraph) {
				t.Errorf("%s: got %v", name, err)
			}
		}
		if _, err := loader.Load(graph, Width+1); !errors.Is(err, engine.ErrGraph) {
			t.Errorf("another width: got %v", err)
		}
	})
	t.Run("rows that do not fit are refused", func(t *testing.T) {
		session := load(t)
		if err := session.Score(make([]float32, Width+1), make([]float32, 1)); err == nil {
			t.Error("a float too many must fail")
		}
		if err := session.Score(nil, nil); err != nil {
			t.Errorf("no rows are no work: %v", err)
		}
	})
	t.Run("only a matrix is loaded as one", func(t *testing.T) {
		for _, output := range []string{"nothing", engine.OutputName} {
			if _, _, err := loader.LoadMatrix(graph, Width, output); !errors.Is(err, engine.ErrGraph) {
				t.Errorf("%s: got %v", output, err)
			}
		}
		if _, _, err := loader.LoadMatrix([]byte("not ONNX"), Width, engine.OutputName); !errors.Is(err, engine.ErrGraph) {
			t.Errorf("no graph: got %v", err)
		}
	})
	t.Run("rows are scored alike alone, together and at once", func(t *testing.T) {
		scoresAlike(t, load(t))
	})
}

// scoresAlike scores the same rows in one batch, one by one, and one by one from
// many goroutines.
func scoresAlike(t *testing.T, session engine.Session) {
	t.Helper()
	const rows = 100
	input := make([]float32, rows*Width)
	for i := range input {
		input[i] = float32(i * 7 % 5)
	}
	together := make([]float32, rows)
	if err := session.Score(input, together); err != nil {
		t.Fatal(err)
	}
	different := map[float32]bool{}
	for _, probability := range together {
		if probability < 0 || probability > 1 || math.IsNaN(float64(probability)) {
			t.Fatalf("%g is no probability", probability)
		}
		different[probability] = true
	}
	if len(different) < 2 {
		t.Fatal("all rows got the same score")
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			out := make([]float32, 1)
			for i := range rows {
				if err := session.Score(input[i*Width:(i+1)*Width], out); err != nil {
					t.Error(err)
					return
				}
				if math.Abs(float64(out[0]-together[i])) > 1e-6 {
					t.Errorf("row %d: %g alone, %g together", i, out[0], together[i])
				}
			}
		})
	}
	all.Wait()
}
