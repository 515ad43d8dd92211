// Package guarded keeps a panic in one goroutine from ending the process.
package guarded

import (
	"fmt"
	"runtime/debug"
)

// Call does work, and returns a panic of it as an error with its stack.
func Call(work func() error) (err error) {
	defer func() {
		if panicked := recover(); panicked != nil {
			err = fmt.Errorf("panic: %v\n%s", panicked, debug.Stack())
		}
	}()
	return work()
}
