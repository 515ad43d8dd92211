// Command persistence keeps employees and predictions in a database and serves
// them over gRPC.
package main

import "github.com/futurisys/futurisys/services/platform/config"

func main() { config.Main("persistence", "Keeps employees and predictions.", &settings{}) }
