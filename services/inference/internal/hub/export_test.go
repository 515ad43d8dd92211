package hub

import (
	"syscall"
	"testing"

	"github.com/google/renameio/v2"
)

// WithoutSymlinks makes the file system of a test one that has no links.
func WithoutSymlinks(t *testing.T) {
	t.Helper()
	symlink = func(string, string) error { return syscall.EPERM }
	t.Cleanup(func() { symlink = renameio.Symlink })
}
