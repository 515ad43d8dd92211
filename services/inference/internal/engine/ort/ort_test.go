package ort_test

import (
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
