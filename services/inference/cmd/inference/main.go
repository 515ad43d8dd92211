// Command inference serves models over gRPC.
package main

import "github.com/futurisys/futurisys/services/platform/config"

func main() { config.Main("inference", "Serves models over gRPC.", &settings{}) }
