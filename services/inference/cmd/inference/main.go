// Command inference serves models over gRPC.
package main

import (
	"fmt"
	"os"

	"github.com/futurisys/futurisys/services/platform/config"
)

func main() {
	var s settings
	command, err := config.Parse("inference", "Serves models over gRPC.", &s, os.Args[1:])
	if err == nil {
		err = command.Run(&s)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "inference:", err)
		os.Exit(1)
	}
}
