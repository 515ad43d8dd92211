package ort_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/futurisys/futurisys/services/inference/internal/engine/enginetest"
	"github.com/futurisys/futurisys/services/inference/internal/engine/ort"
)

func TestEngine(t *testing.T) { enginetest.Run(t, enginetest.Open(t)) }

func TestLibraryThatIsNotThereNamesTheSetting(t *testing.T) {
	if _, err := ort.Open("/nowhere/libonnxruntime.so"); err == nil || !strings.Contains(err.Error(), "ONNXRUNTIME_LIB") {
		t.Errorf("got %v", err)
	}
}

// BenchmarkScore is a bare call of the engine: what everything else is measured
// against.
func BenchmarkScore(b *testing.B) {
	graph, err := os.ReadFile(filepath.Join(enginetest.Repository(), "attrition/1/model.onnx"))
	if err != nil {
		b.Fatal(err)
	}
	session, err := enginetest.Open(b).Load(graph, enginetest.Width)
	if err != nil {
		b.Fatal(err)
	}
	defer session.Close()
	for _, rows := range []int{1, 1000} {
		input, out := make([]float32, rows*enginetest.Width), make([]float32, rows)
		b.Run(fmt.Sprintf("rows=%d", rows), func(b *testing.B) {
			for b.Loop() {
				if err := session.Score(input, out); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
