package registry

import (
	"bytes"
	"os"
	"strconv"
)

// residentBytes is how much memory the process holds now; 0 where the system does
// not tell (it does on Linux).
func residentBytes() int64 {
	data, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	fields := bytes.Fields(data)
	if len(fields) < 2 { //nolint:mnd // size, resident
		return 0
	}
	pages, err := strconv.ParseInt(string(fields[1]), 10, 64)
	if err != nil {
		return 0
	}
	return pages * int64(os.Getpagesize())
}
