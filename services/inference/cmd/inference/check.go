package main

import (
	"fmt"
	"os"

	"github.com/futurisys/futurisys/services/inference/internal/modelpkg"
	"github.com/futurisys/futurisys/services/inference/internal/registry"
)

type checkCommand struct {
	Package string `arg:"" help:"Folder of the package." type:"existingdir"`
}

// Run prints what was found, or fails with the reason why the package would be
// refused.
func (c checkCommand) Run(s *settings) error {
	root, err := os.OpenRoot(c.Package)
	if err != nil {
		return fmt.Errorf("open the package: %w", err)
	}
	defer root.Close()
	pkg, err := modelpkg.Read(root.FS())
	if err != nil {
		return err //nolint:wrapcheck // it says all there is to say
	}
	runtime, err := s.open()
	if err != nil {
		return err
	}
	version, err := registry.Check(pkg, runtime, s.ModelMemoryBudget<<20) //nolint:mnd // MiB
	if err == nil {
		fmt.Printf("%s %s would be admitted: %d golden rows, %.0f us a row, %d bytes, revision %s\n", pkg.Manifest.Name,
			pkg.Manifest.Version, len(pkg.Golden.Rows), version.LatencyUs, version.MemoryBytes, version.Revision)
	}
	if closeErr := runtime.Close(); err == nil && closeErr != nil {
		err = closeErr
	}
	return err //nolint:wrapcheck // it says all there is to say
}
