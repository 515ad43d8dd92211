package e2e

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// memoryCgroup makes a cgroup of so many bytes that lasts until the test ends; "": this machine
// lets us make none.
func memoryCgroup(t *testing.T, name string, bytes int64) string {
	t.Helper()
	for _, place := range []struct{ root, limit string }{ // of both versions of cgroups
		{"/sys/fs/cgroup/memory", "memory.limit_in_bytes"},
		{"/sys/fs/cgroup", "memory.max"},
	} {
		folder := filepath.Join(place.root, fmt.Sprintf("futurisys-e2e-%d-%s", os.Getpid(), name))
		if os.Mkdir(folder, 0o755) != nil {
			continue
		}
		limit, err := os.OpenFile(filepath.Join(folder, place.limit), os.O_WRONLY, 0) // the kernel makes it, or there is no such limit
		if err == nil {
			_, err = fmt.Fprint(limit, bytes)
			err = errors.Join(err, limit.Close())
		}
		if err != nil {
			_ = os.Remove(folder)
			continue
		}
		t.Cleanup(func() {
			for range 50 { // who was in it ends a moment later
				if os.Remove(folder) == nil {
					return
				}
				time.Sleep(100 * time.Millisecond)
			}
			t.Errorf("%s cannot be removed", folder)
		})
		return folder
	}
	return ""
}

// inCgroup is a command that runs a program in a cgroup from its first instruction on.
func inCgroup(cgroup, program string) *exec.Cmd {
	return exec.Command("/bin/sh", "-c", `echo $$ > "$0/cgroup.procs" && exec "$1"`, cgroup, program)
}
